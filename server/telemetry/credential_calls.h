#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/telemetry/call_labels.h"
#include "server/telemetry/thread_shard.h"

namespace token_service::telemetry {

// What callers got of one credential. Counting is one relaxed addition to a line that few other
// threads use; any thread. Sixteen bytes until the first count, then a quarter of a kilobyte more,
// whatever the number of cores: most of a million credentials are never asked for.
class CredentialCalls {
 public:
  CredentialCalls() = default;
  ~CredentialCalls() { delete shards_.load(std::memory_order_acquire); }
  CredentialCalls(const CredentialCalls&) = delete;
  CredentialCalls& operator=(const CredentialCalls&) = delete;

  // For another credential, from zero. Whoever still holds it for the one before may miscount by
  // what they have under way.
  void Begin() {
    id_.store(NewId(), std::memory_order_relaxed);
    Shards* const shards = shards_.load(std::memory_order_acquire);
    if (shards == nullptr) return;
    for (Shard& shard : *shards) {
      for (Cell& cell : shard.cells) {
        cell.issued.store(0, std::memory_order_relaxed);
        cell.refused.store(0, std::memory_order_relaxed);
      }
    }
  }

  void CountIssued(CallerKind caller) { At(caller).issued.fetch_add(1, std::memory_order_relaxed); }
  void CountRefused(CallerKind caller) {
    At(caller).refused.fetch_add(1, std::memory_order_relaxed);
  }

  uint64_t issued(CallerKind caller) const { return Sum(&Cell::issued, caller); }
  uint64_t refused(CallerKind caller) const { return Sum(&Cell::refused, caller); }

  // Unlike that of any other of this process, be it of the same name, deleted and made anew.
  uint64_t id() const { return id_.load(std::memory_order_relaxed); }

 private:
  struct Cell {
    std::atomic<uint64_t> issued = 0;
    std::atomic<uint64_t> refused = 0;
  };
  struct alignas(64) Shard {
    std::array<Cell, kCallerKinds> cells;
  };
  static constexpr size_t kShards = 4;
  using Shards = std::array<Shard, kShards>;

  static uint64_t NewId() {
    static constinit std::atomic<uint64_t> given = 0;
    return given.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  Cell& At(CallerKind caller) {
    Shards* shards = shards_.load(std::memory_order_acquire);
    if (shards == nullptr) [[unlikely]] {
      shards = &MakeShards();
    }
    return (*shards)[ThreadShard() % kShards].cells[static_cast<size_t>(caller)];
  }
  uint64_t Sum(std::atomic<uint64_t> Cell::*what, CallerKind caller) const {
    const Shards* const shards = shards_.load(std::memory_order_acquire);
    if (shards == nullptr) return 0;
    uint64_t sum = 0;
    for (const Shard& shard : *shards) {
      sum += (shard.cells[static_cast<size_t>(caller)].*what).load(std::memory_order_relaxed);
    }
    return sum;
  }

  Shards& MakeShards();

  std::atomic<uint64_t> id_ = NewId();
  std::atomic<Shards*> shards_ = nullptr;
};

// Where an object that is shared and otherwise immutable keeps which credential's calls it is for.
// Any thread.
class CredentialCallsLink {
 public:
  CredentialCallsLink() = default;
  CredentialCallsLink(CredentialCallsLink&& other) noexcept : calls_(other.get()) {}
  CredentialCallsLink& operator=(CredentialCallsLink&&) = delete;

  // Null: none yet.
  CredentialCalls* get() const { return calls_.load(std::memory_order_acquire); }
  void Set(CredentialCalls* calls) const { calls_.store(calls, std::memory_order_release); }

 private:
  mutable std::atomic<CredentialCalls*> calls_ = nullptr;
};

}  // namespace token_service::telemetry
