#include "server/api/watch_age.h"

#include <utility>

namespace token_service::api {

TimerQueue::TimerId WatchAge::EndLater(absl::AnyInvocable<void()> end) const {
  // Multiples of the golden ratio fall evenly into any interval, however many they are.
  constexpr uint32_t kGoldenRatio = 0x9E3779B9;
  const uint32_t at = streams_.fetch_add(1, std::memory_order_relaxed) * kGoldenRatio;
  const double share = 0.75 + 0.25 * (static_cast<double>(at) / 4294967296.0);
  return timers_.At(clock_.Now() + most_ * share, std::move(end));
}

}  // namespace token_service::api
