#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace token_service::authz {

// So many calls a second in the long run, and so many at once by somebody who was quiet.
struct CallRate {
  int per_second = 0;  // At least 1.
  int burst = 1;       // At least 1.
};

// What one caller has used of its rate: a bucket that leaks (the generic cell rate algorithm of
// ATM, ITU-T I.371). Any thread; takes no lock.
class CallBucket {
 public:
  // Nullopt: the call is counted. Otherwise it is not, and would be after so long.
  std::optional<absl::Duration> Take(const CallRate& rate, MonotonicTime now);

  // Nothing is used: as good as new.
  bool IsFull(MonotonicTime now) const;

 private:
  // Nanoseconds: when what was used will all have been given back.
  std::atomic<int64_t> full_at_ = std::numeric_limits<int64_t>::min();
};

// Holds each identity of one policy entry to a rate of its own. Any thread.
class CallLimiter {
 public:
  // Of an entry that names one identity: no lock.
  static std::shared_ptr<CallLimiter> ForOne(CallRate rate);
  // Of an entry that names many: locks shared by few of them. Remembers so many identities at most,
  // and forgets first who has not called lately.
  static constexpr size_t kMostIdentities = 65536;
  static std::shared_ptr<CallLimiter> ForMany(CallRate rate, size_t most = kMostIdentities);

  // As CallBucket::Take.
  std::optional<absl::Duration> Take(std::string_view identity, MonotonicTime now);

  size_t identities() const;

 private:
  struct Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<std::string, std::unique_ptr<CallBucket>> buckets ABSL_GUARDED_BY(mutex);
    MonotonicTime next_sweep ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 64;

  CallLimiter(CallRate rate, size_t most_a_shard) : rate_(rate), most_a_shard_(most_a_shard) {}

  void MakeRoom(Shard& shard, MonotonicTime now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  const CallRate rate_;
  const size_t most_a_shard_;  // 0: one identity.
  CallBucket only_;
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace token_service::authz
