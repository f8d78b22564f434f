#pragma once

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/alarm.h"

namespace token_service {

// A thread that looks at something again and again: after a time, or when it is poked. The last
// member of a class that has one, so that it ends before what it looks with.
class PollingThread {
 public:
  // Looks, may block, and says how long to rest then. `poked`: since it looked last.
  using Look = absl::AnyInvocable<absl::Duration(bool poked)>;

  // `first`: how long to rest before the first look.
  PollingThread(absl::Duration first, Look look);
  // Waits for a look that is under way.
  ~PollingThread();

  // Has it look at once, or again at once where it is looking. Any thread.
  void Poke();

  // A long look asks, and returns early.
  bool Stopping() const;

 private:
  void Run(absl::Duration rest);

  Look look_;
  Alarm alarm_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool poked_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace token_service
