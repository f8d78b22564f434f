#include "server/app/start_patience.h"

#include <utility>

namespace token_service::app {

StartPatience::StartPatience(absl::AnyInvocable<void(absl::Duration)> ask, const Clock& clock)
    : ask_(std::move(ask)), clock_(clock), next_(clock.Now() + kInterval) {}

void StartPatience::Progress() {
  const MonotonicTime now = clock_.Now();
  if (now < next_) return;
  next_ = now + kInterval;
  ask_(kMore);
}

}  // namespace token_service::app
