#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace token_service::telemetry {

// What became of new configurations. Any thread.
class ReloadMetrics {
 public:
  // A configuration was read again: taken up whole, or refused whole.
  void Count(bool taken, absl::Time now) {
    (taken ? taken_ : refused_).fetch_add(1, std::memory_order_relaxed);
    last_taken_.store(taken, std::memory_order_relaxed);
    if (taken) SetTaken(now);
  }
  // The one the server starts with.
  void SetTaken(absl::Time now) {
    taken_at_ms_.store(absl::ToUnixMillis(now), std::memory_order_relaxed);
  }

  uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  // Whether the latest one serves.
  bool last_taken() const { return last_taken_.load(std::memory_order_relaxed); }
  // When the one that serves was taken up.
  absl::Time taken_at() const {
    return absl::FromUnixMillis(taken_at_ms_.load(std::memory_order_relaxed));
  }

 private:
  std::atomic<uint64_t> taken_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<bool> last_taken_ = true;
  std::atomic<int64_t> taken_at_ms_ = 0;
};

}  // namespace token_service::telemetry
