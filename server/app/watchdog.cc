#include "server/app/watchdog.h"

#include <utility>

namespace token_service::app {

Watchdog::Watchdog(absl::Duration timeout, absl::AnyInvocable<void() const> say, const Clock& clock)
    : timeout_(timeout), say_(std::move(say)), clock_(clock), main_seen_(clock.Now()) {}

void Watchdog::MainThreadIsHere() {
  absl::MutexLock lock(&mutex_);
  main_seen_ = clock_.Now();
}

void Watchdog::MainThreadIsDraining() {
  absl::MutexLock lock(&mutex_);
  main_seen_ = MonotonicTime::Never();
}

void Watchdog::TimerThreadIsHere() {
  {
    absl::MutexLock lock(&mutex_);
    if (clock_.Now() > main_seen_ + timeout_ / 2) return;
  }
  say_();
}

}  // namespace token_service::app
