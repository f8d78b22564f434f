#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace token_service::telemetry {

// Remembers which generation of a credential a caller got last, so that only the first time is
// written down. Two megabytes, however many callers and credentials: a pair that is crowded out is
// new again (a line too many, never one too few). Two pairs are taken for one with a chance of
// 2^-29. One load of one cache line when there is nothing new; no lock. Any thread.
class FirstIssues {
 public:
  FirstIssues() : buckets_(std::make_unique<Bucket[]>(kBuckets)) {}

  // True: as far as is remembered, this caller did not have it. `caller`: a hash of its identity;
  // `credential`: CredentialCalls::id.
  bool Note(uint64_t caller, uint64_t credential, uint64_t generation) {
    const uint64_t pair = Mix(caller ^ Mix(credential));
    Bucket& bucket = buckets_[pair % kBuckets];
    const uint64_t entry = (pair & kTag) | (generation & kGeneration);
    for (std::atomic<uint64_t>& slot : bucket.slots) {
      if (slot.load(std::memory_order_relaxed) == entry) return false;
    }
    return Replace(bucket, entry);
  }

 private:
  static constexpr size_t kBuckets = 1 << 15;
  static constexpr size_t kSlots = 8;
  static constexpr uint64_t kTag = 0xFFFF'FFFF'0000'0000;
  static constexpr uint64_t kGeneration = 0x0000'0000'FFFF'FFFF;

  struct alignas(64) Bucket {
    std::array<std::atomic<uint64_t>, kSlots> slots{};  // 0: free. No generation is 0.
  };

  static uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93;
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93;
    return x ^ (x >> 32);
  }
  static bool Replace(Bucket& bucket, uint64_t entry);

  const std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace token_service::telemetry
