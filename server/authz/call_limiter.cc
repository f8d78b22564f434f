#include "server/authz/call_limiter.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "absl/memory/memory.h"
#include "server/base/absl_view.h"

namespace token_service::authz {
namespace {

int64_t Nanoseconds(MonotonicTime time) { return absl::ToInt64Nanoseconds(time.since_origin()); }

}  // namespace

std::optional<absl::Duration> CallBucket::Take(const CallRate& rate, MonotonicTime now) {
  const int64_t each = 1'000'000'000 / rate.per_second;
  const int64_t most = each * rate.burst;
  const int64_t at = Nanoseconds(now);
  int64_t full_at = full_at_.load(std::memory_order_relaxed);
  while (true) {
    const int64_t next = std::max(full_at, at) + each;
    if (next - at > most) return absl::Nanoseconds(next - at - most);
    if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) {
      return std::nullopt;
    }
  }
}

bool CallBucket::IsFull(MonotonicTime now) const {
  return full_at_.load(std::memory_order_relaxed) <= Nanoseconds(now);
}

std::shared_ptr<CallLimiter> CallLimiter::ForOne(CallRate rate) {
  return absl::WrapUnique(new CallLimiter(rate, 0));
}

std::shared_ptr<CallLimiter> CallLimiter::ForMany(CallRate rate, size_t most) {
  auto limiter = absl::WrapUnique(new CallLimiter(rate, std::max<size_t>(most / kShards, 1)));
  limiter->shards_ = std::make_unique<std::array<Shard, kShards>>();
  return limiter;
}

std::optional<absl::Duration> CallLimiter::Take(std::string_view identity, MonotonicTime now) {
  if (shards_ == nullptr) return only_.Take(rate_, now);
  Shard& shard = (*shards_)[absl::HashOf(AbslView(identity)) % kShards];
  absl::MutexLock lock(&shard.mutex);
  auto found = shard.buckets.find(AbslView(identity));
  if (found == shard.buckets.end()) {
    if (shard.buckets.size() >= most_a_shard_) MakeRoom(shard, now);
    found = shard.buckets.emplace(identity, std::make_unique<CallBucket>()).first;
  }
  return found->second->Take(rate_, now);
}

void CallLimiter::MakeRoom(Shard& shard, MonotonicTime now) const {
  if (now >= shard.next_sweep) {
    absl::erase_if(shard.buckets, [&](const auto& each) { return each.second->IsFull(now); });
    // Not at each call, should all of them be busy.
    shard.next_sweep = now + absl::Seconds(1);
  }
  if (shard.buckets.size() >= most_a_shard_) shard.buckets.erase(shard.buckets.begin());
}

size_t CallLimiter::identities() const {
  if (shards_ == nullptr) return 1;
  size_t all = 0;
  for (const Shard& shard : *shards_) {
    absl::MutexLock lock(&shard.mutex);
    all += shard.buckets.size();
  }
  return all;
}

}  // namespace token_service::authz
