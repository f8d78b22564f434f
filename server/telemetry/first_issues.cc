#include "server/telemetry/first_issues.h"

namespace token_service::telemetry {

bool FirstIssues::Replace(Bucket& bucket, uint64_t entry) {
  // An older generation of the pair, else a free slot, else the one that falls to it.
  while (true) {
    std::atomic<uint64_t>* place = nullptr;
    uint64_t before = 0;
    for (std::atomic<uint64_t>& slot : bucket.slots) {
      const uint64_t value = slot.load(std::memory_order_relaxed);
      if (value == entry) return false;  // Another thread was here.
      const bool same_pair = value != 0 && (value & kTag) == (entry & kTag);
      if (same_pair || (value == 0 && place == nullptr)) {
        place = &slot;
        before = value;
      }
      if (same_pair) break;
    }
    if (place == nullptr) {
      place = &bucket.slots[(entry ^ (entry >> 40)) % kSlots];
      before = place->load(std::memory_order_relaxed);
      if (before == entry) return false;
    }
    if (place->compare_exchange_strong(before, entry, std::memory_order_relaxed)) return true;
  }
}

}  // namespace token_service::telemetry
