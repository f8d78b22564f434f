#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"

namespace token_service::app {

// Says that the server lives, on the word of two threads: the one with the timers, which has come
// through the scheduler's lock, says so while the main thread, which takes the signals, has come by
// lately. A process in which either hangs falls silent, and the service manager starts it anew.
// Any thread.
class Watchdog {
 public:
  // `timeout`: how long whoever listens bears silence. `say` must not block.
  Watchdog(absl::Duration timeout, absl::AnyInvocable<void() const> say, const Clock& clock);

  // How often each thread has to come by.
  absl::Duration interval() const { return timeout_ / 4; }

  void MainThreadIsHere();
  // From now on only the timers' thread counts: the main one waits for the drain, which has a limit
  // of its own.
  void MainThreadIsDraining();
  void TimerThreadIsHere();

 private:
  const absl::Duration timeout_;
  const absl::AnyInvocable<void() const> say_;
  const Clock& clock_;

  absl::Mutex mutex_;
  MonotonicTime main_seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::app
