#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/timer_queue.h"

namespace token_service::app {

// Calls `task` again and again on the thread of `timers`: first after `interval`, then each time
// that long after it has returned. It must not block, and it must be usable until the timers have
// stopped.
void Every(absl::Duration interval, absl::AnyInvocable<void()> task, TimerQueue& timers,
           const Clock& clock);

}  // namespace token_service::app
