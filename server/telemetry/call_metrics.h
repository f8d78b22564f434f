#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "server/telemetry/call_labels.h"
#include "server/telemetry/thread_shard.h"

namespace token_service::telemetry {

// What calls came to, over all credentials. Counting takes no lock and allocates nothing; any
// thread.
class CallMetrics {
 public:
  // Every outcome but `OK` that is told apart: ErrorInfo's reasons, at most kMostOutcomes. They
  // outlive this object.
  explicit CallMetrics(std::span<const std::string_view> outcomes);

  // A token is handed out: the hot path.
  void CountIssued(CallerKind caller, TokenSource source) {
    ThisShard().issued[static_cast<size_t>(caller)][static_cast<size_t>(source)].fetch_add(
        1, std::memory_order_relaxed);
  }
  // A call has ended, with what is in ErrorInfo.reason; `OK` but for GetAccessToken, whose good end
  // is CountIssued. What the constructor was not told counts as `OTHER`.
  void CountEnded(Method method, CallerKind caller, std::string_view outcome);

  uint64_t issued(CallerKind caller, TokenSource source) const;
  uint64_t ended(Method method, CallerKind caller, std::string_view outcome) const;

  // `OK`, the constructor's, `OTHER`.
  size_t outcomes() const { return outcomes_.size() + 2; }
  std::string_view outcome(size_t index) const;

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kMostOutcomes = 30;
  using Outcomes = std::array<std::atomic<uint64_t>, kMostOutcomes + 2>;

  struct alignas(64) Shard {
    std::array<std::array<std::atomic<uint64_t>, kTokenSources>, kCallerKinds> issued{};
    alignas(64) std::array<std::array<Outcomes, kCallerKinds>, kMethods> ended{};
  };

  Shard& ThisShard() { return shards_[ThreadShard() % kShards]; }
  size_t IndexOf(std::string_view outcome) const;

  const std::span<const std::string_view> outcomes_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace token_service::telemetry
