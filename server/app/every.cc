#include "server/app/every.h"

#include <utility>

namespace token_service::app {

void Every(absl::Duration interval, absl::AnyInvocable<void()> task, TimerQueue& timers,
           const Clock& clock) {
  timers.At(clock.Now() + interval, [interval, task = std::move(task), &timers, &clock]() mutable {
    task();
    Every(interval, std::move(task), timers, clock);
  });
}

}  // namespace token_service::app
