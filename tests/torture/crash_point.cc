// What the torture test's build of refresher.cc calls at its crash points. Told by the environment:
//
//   TORTURE_TRACE=FILE         a line for each point passed: monotonic nanoseconds, point,
//                              credential, value
//   TORTURE_CRASH=POINT:N      kills the process at the Nth passing of a point
//   TORTURE_CRASH=POINT:N:stop stops it (SIGSTOP) there instead

#include "server/broker/crash_point.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace token_service::testing {
namespace {

class CrashPlan {
 public:
  CrashPlan() {
    if (const char* const path = std::getenv("TORTURE_TRACE"); path != nullptr) {
      trace_ = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    const char* const order = std::getenv("TORTURE_CRASH");
    if (order == nullptr) return;
    const std::vector<std::string> words = absl::StrSplit(order, ':');
    if (words.size() < 2) return;
    point_ = words[0];
    passings_left_ = std::atoi(words[1].c_str());
    signal_ = words.size() > 2 && words[2] == "stop" ? SIGSTOP : SIGKILL;
  }

  void Pass(std::string_view point, std::string_view credential, uint64_t value) {
    Trace(point, credential, value);
    if (point != point_ || passings_left_.fetch_sub(1) != 1) return;
    Trace(signal_ == SIGKILL ? "killed-here" : "stopped-here", credential, value);
    // Sent to this thread, which gets no further.
    raise(signal_);
  }

 private:
  void Trace(std::string_view point, std::string_view credential, uint64_t value) const {
    if (trace_ < 0) return;
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::string line =
        absl::StrCat(now.tv_sec * 1'000'000'000 + now.tv_nsec, " ", std::string(point), " ",
                     std::string(credential), " ", value, "\n");
    // One write: lines of several threads do not mix.
    if (write(trace_, line.data(), line.size()) < 0) std::abort();
  }

  int trace_ = -1;
  std::string point_;
  std::atomic<int> passings_left_ = 0;
  int signal_ = SIGKILL;
};

}  // namespace

void AtCrashPoint(std::string_view point, std::string_view credential, uint64_t value) {
  static CrashPlan plan;
  plan.Pass(point, credential, value);
}

}  // namespace token_service::testing
