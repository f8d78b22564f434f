#include "client/grpc/source_endings.h"

#include <unistd.h>

#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace token_service::client {
namespace {

// Ending is prompt, unless a callback of the application's does not return: a process that wants to
// end is not kept for that.
constexpr absl::Duration kMostAtExit = absl::Seconds(10);

class Endings {
 public:
  void Begin(std::shared_ptr<const TokenSource> source) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      if (exiting_) return left_.push_back(std::move(source));
      ++under_way_;
    }
    auto* const kept = new std::shared_ptr<const TokenSource>(std::move(source));
    try {
      std::thread([this, kept] {
        delete kept;
        absl::MutexLock lock(&mutex_);
        --under_way_;
      }).detach();
    } catch (const std::system_error&) {
      // No thread is to be had. It lives on, since here it may not end.
      absl::MutexLock lock(&mutex_);
      --under_way_;
      left_.push_back(std::move(*kept));
      delete kept;
    }
  }

  void WaitAtExit() ABSL_LOCKS_EXCLUDED(mutex_) {
    // The threads did not come along into a child, and the lock may be held there for ever.
    if (getpid() != process_) return;
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return under_way_ == 0; };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&none), kMostAtExit);
    exiting_ = true;
  }

 private:
  const pid_t process_ = getpid();
  absl::Mutex mutex_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool exiting_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<const TokenSource>> left_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: credentials in a static of the application's may go after everything here.
Endings& TheEndings() {
  static auto* const endings = [] {
    auto* const made = new Endings;
    std::atexit([] { TheEndings().WaitAtExit(); });
    return made;
  }();
  return *endings;
}

}  // namespace

void PrepareSourceEndings() { TheEndings(); }

void EndSource(std::shared_ptr<const TokenSource> source) { TheEndings().Begin(std::move(source)); }

}  // namespace token_service::client
