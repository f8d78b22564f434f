#include "server/broker/shared_places.h"

#include <algorithm>

namespace token_service::broker {

bool SharedPlaces::Take(Holder holder) {
  if (taken_ >= most_) return false;
  if (holder != kNobody) {
    const size_t quarter = most_ / 4;
    const auto held = held_.find(holder);
    const bool has_share = held != held_.end() && held->second >= std::max<size_t>(quarter, 1);
    if (has_share && taken_ >= most_ - quarter) return false;
    ++held_[holder];
  }
  ++taken_;
  return true;
}

void SharedPlaces::Give(Holder holder) {
  --taken_;
  if (holder == kNobody) return;
  const auto held = held_.find(holder);
  if (--held->second == 0) held_.erase(held);
}

}  // namespace token_service::broker
