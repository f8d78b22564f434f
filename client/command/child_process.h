#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace token_service::client {

// The signals that end up in our hands while a child runs: those that are passed on to it, its
// death, and kTokenSignal. Blocked from the construction to the destruction, also in the threads
// that are started in between.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  // Waits for one.
  siginfo_t Next() const;

  const sigset_t& before() const { return before_; }

 private:
  sigset_t held_;
  sigset_t before_;
};

// Sent by this process to itself: there is another token.
int TokenSignal();

struct ChildOptions {
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> environment;  // Beside what there is.
  // Is number `as` in the child. Negative: none.
  int fd = -1;
  int as = -1;
  sigset_t signal_mask;
};

struct NotStarted {
  int error;  // errno.
};

// Looks the program up in PATH.
std::variant<pid_t, NotStarted> StartChild(const ChildOptions& options);

}  // namespace token_service::client
