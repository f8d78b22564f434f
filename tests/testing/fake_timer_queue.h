#pragma once

#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/timer_queue.h"
#include "tests/testing/fake_clock.h"

namespace token_service::testing {

// A TimerQueue whose callbacks run inside Advance, in order, on the caller's thread.
class FakeTimerQueue final : public TimerQueue {
 public:
  explicit FakeTimerQueue(FakeClock& clock) : clock_(clock) {}

  TimerId At(MonotonicTime when, absl::AnyInvocable<void()> callback) override;
  bool Cancel(TimerId id) override;

  // Moves the clock on by `by`, stopping at each moment something falls due to run it.
  void Advance(absl::Duration by);
  // Runs what is due now.
  void RunDue() { Advance(absl::ZeroDuration()); }

  size_t pending() const;

 private:
  using Key = std::pair<absl::Duration, TimerId>;

  FakeClock& clock_;
  mutable absl::Mutex mutex_;
  TimerId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Key, absl::AnyInvocable<void()>> pending_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::testing
