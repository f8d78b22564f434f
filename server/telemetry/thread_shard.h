#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace token_service::telemetry {

namespace internal {

inline constinit std::atomic<uint32_t> g_shards_given = 0;
// 0: not drawn yet. Constant initialisation, so that a read costs no guard.
inline constinit thread_local uint32_t t_shard = 0;

}  // namespace internal

// A number of this thread's own, or nearly: what counters are sharded by, so that threads on
// several cores do not take a cache line from each other.
inline size_t ThreadShard() {
  if (internal::t_shard == 0) [[unlikely]] {
    internal::t_shard = internal::g_shards_given.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  return internal::t_shard;
}

}  // namespace token_service::telemetry
