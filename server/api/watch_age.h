#pragma once

#include <atomic>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/timer_queue.h"

namespace token_service::api {

// How old a stream may become. A connection that has served its age takes no new calls, and is
// closed when those that it has are over: so streams end by themselves, early enough, and their
// callers begin others, on a new connection. Any thread.
class WatchAge {
 public:
  // Both outlive this object, and every stream.
  WatchAge(TimerQueue& timers, const Clock& clock, absl::Duration most)
      : timers_(timers), clock_(clock), most_(most) {}

  // Calls `end` once, when a stream that begins now has been there for as long as it may: after
  // three quarters of the age to all of it, evenly, so that what began together does not end
  // together.
  TimerQueue::TimerId EndLater(absl::AnyInvocable<void()> end) const;
  // True: `end` is not and will not be called.
  bool Cancel(TimerQueue::TimerId id) const { return timers_.Cancel(id); }

 private:
  TimerQueue& timers_;
  const Clock& clock_;
  const absl::Duration most_;
  mutable std::atomic<uint32_t> streams_ = 0;
};

}  // namespace token_service::api
