#pragma once

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/app/config/token_file_watch.h"
#include "server/base/alarm.h"
#include "server/base/secret.h"

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
  ~TokenFilePoller();

  const Files& files() const { return files_; }

  // Looks at once, and again soon; as it does at the beginning.
  void Poke();

 private:
  void Run();
  void Rest(absl::Duration at_most);
  void LookAtAll();
  bool Stopping();

  const Files files_;
  const OnToken on_token_;
  std::vector<std::pair<std::string, TokenFileWatch>> watches_;  // The thread's own.
  Alarm alarm_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool poked_ ABSL_GUARDED_BY(mutex_) = true;
  std::thread thread_;
};

}  // namespace token_service::app
