#include "server/broker/refresh_calendar.h"

#include <algorithm>
#include <bit>

#include "absl/random/random.h"

namespace token_service::broker {
namespace {

// Of the lifetime.
constexpr double kFirst = 0.75;
constexpr double kLast = 0.85;
constexpr double kEarliest = 0.10;
constexpr int64_t kSlots = 32;
constexpr size_t kNoCrowd = 16;  // In one slot.

RefreshCalendar::Slot SlotOf(MonotonicTime when, absl::Duration lifetime) {
  const int64_t share = std::max<int64_t>(absl::ToInt64Milliseconds(lifetime) / kSlots, 1);
  const auto width = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(share)));
  return {.width = width, .number = absl::ToInt64Milliseconds(when.since_origin()) / width};
}

// Not before `now`: what is due while nobody was there to see it is not to come all at once. Not
// after kLast in any case.
MonotonicTime DrawFrom(double first, const AccessToken& token, MonotonicTime now,
                       absl::BitGenRef random) {
  const MonotonicTime last = token.issued + token.lifetime * kLast;
  const MonotonicTime earliest =
      std::min(std::max(token.issued + token.lifetime * first, now), last);
  return earliest + (last - earliest) * absl::Uniform(random, 0.0, 1.0);
}

// More than chance makes of equal crowds: three standard deviations of their difference.
bool MuchMore(size_t many, size_t few) {
  return many > kNoCrowd && many > few && (many - few) * (many - few) > 9 * (many + few);
}

}  // namespace

MonotonicTime RefreshCalendar::Draw(const AccessToken& token, MonotonicTime now,
                                    absl::BitGenRef random) const {
  if (token.refresh_before > absl::ZeroDuration()) {
    // Later rather than earlier: who says so is refused before.
    const MonotonicTime first = token.expires - token.refresh_before;
    return std::max(first, now) + token.refresh_before * absl::Uniform(random, 0.0, 0.2);
  }
  const MonotonicTime usual = DrawFrom(kFirst, token, now, random);
  const MonotonicTime other = DrawFrom(kEarliest, token, now, random);
  const bool crowded = MuchMore(Planned(usual, token.lifetime), Planned(other, token.lifetime));
  return crowded ? other : usual;
}

RefreshCalendar::Slot RefreshCalendar::Enter(MonotonicTime when, absl::Duration lifetime) {
  const Slot slot = SlotOf(when, lifetime);
  ++planned_[slot];
  return slot;
}

void RefreshCalendar::Leave(const Slot& slot) {
  const auto found = planned_.find(slot);
  if (found != planned_.end() && --found->second == 0) planned_.erase(found);
}

size_t RefreshCalendar::Planned(MonotonicTime when, absl::Duration lifetime) const {
  const auto found = planned_.find(SlotOf(when, lifetime));
  return found == planned_.end() ? 0 : found->second;
}

}  // namespace token_service::broker
