#include "server/telemetry/call_metrics.h"

#include <algorithm>

namespace token_service::telemetry {
namespace {

constexpr std::string_view kOk = "OK";
constexpr std::string_view kOther = "OTHER";

}  // namespace

CallMetrics::CallMetrics(std::span<const std::string_view> outcomes)
    : outcomes_(outcomes.first(std::min(outcomes.size(), kMostOutcomes))),
      shards_(std::make_unique<Shard[]>(kShards)) {}

std::string_view CallMetrics::outcome(size_t index) const {
  if (index == 0) return kOk;
  return index <= outcomes_.size() ? outcomes_[index - 1] : kOther;
}

// Of a few dozen, and not on the hot path.
size_t CallMetrics::IndexOf(std::string_view outcome) const {
  if (outcome == kOk) return 0;
  const auto found = std::find(outcomes_.begin(), outcomes_.end(), outcome);
  return 1 + static_cast<size_t>(found - outcomes_.begin());
}

void CallMetrics::CountEnded(Method method, CallerKind caller, std::string_view outcome) {
  ThisShard()
      .ended[static_cast<size_t>(method)][static_cast<size_t>(caller)][IndexOf(outcome)]
      .fetch_add(1, std::memory_order_relaxed);
}

uint64_t CallMetrics::issued(CallerKind caller, TokenSource source) const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kShards; ++i) {
    sum += shards_[i].issued[static_cast<size_t>(caller)][static_cast<size_t>(source)].load(
        std::memory_order_relaxed);
  }
  return sum;
}

uint64_t CallMetrics::ended(Method method, CallerKind caller, std::string_view outcome) const {
  const size_t index = IndexOf(outcome);
  uint64_t sum = 0;
  for (size_t i = 0; i < kShards; ++i) {
    sum += shards_[i].ended[static_cast<size_t>(method)][static_cast<size_t>(caller)][index].load(
        std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace token_service::telemetry
