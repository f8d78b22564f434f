#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/base/polling_thread.h"
#include "server/base/secret.h"
#include "server/config/token_file_watch.h"

namespace token_service::app {

// Looks at refresh token files now and then, on a thread of its own, and tells of news.
class TokenFilePoller {
 public:
  // A file's token is another than before (or than none, at first). May block. False: it could
  // not be taken now; it is brought again at the next look.
  using OnToken = std::function<bool(const std::string& credential, const Secret& token)>;

  // Two looks make a change known: within 10 s.
  static constexpr absl::Duration kInterval = absl::Seconds(4);
  // Between the two looks of a poke: who writes a file in place is done by then.
  static constexpr absl::Duration kSettle = absl::Milliseconds(200);

  using Files = std::vector<std::pair<std::string, std::string>>;  // Credential and path.

  TokenFilePoller(Files files, OnToken on_token);

  const Files& files() const { return files_; }

  // Looks at once, and again soon; as it does at the beginning.
  void Poke() { thread_.Poke(); }

 private:
  void LookAtAll();

  const Files files_;
  const OnToken on_token_;
  std::vector<std::pair<std::string, TokenFileWatch>> watches_;  // The thread's own.
  PollingThread thread_;
};

}  // namespace token_service::app
