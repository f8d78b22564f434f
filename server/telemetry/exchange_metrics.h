#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/synchronization/mutex.h"
#include "server/telemetry/histogram.h"
#include "server/telemetry/metrics_sink.h"

namespace token_service::telemetry {

// What became of a refresh token's exchange (broker::ExchangeOutcome).
enum class ExchangeEnd : uint8_t {
  kGranted,
  kUnspent,
  kDead,
  kClientRefused,
  kInDoubt,
  kMalformed
};
inline constexpr size_t kExchangeEnds = 6;

// Exchanges, by token endpoint. Operators may name as many endpoints as they like: the first
// kMostEndpoints have series of their own, the others share `other`. Any thread.
class ExchangeMetrics final : public MetricsSource {
 public:
  static constexpr size_t kMostEndpoints = 50;

  class Endpoint {
   public:
    Endpoint();

    void CountStarted() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
    void CountEnded(ExchangeEnd end, absl::Duration took);

   private:
    friend class ExchangeMetrics;
    std::atomic<int64_t> in_flight_ = 0;
    std::array<std::atomic<uint64_t>, kExchangeEnds> ended_{};
    Histogram took_;
  };

  // Stays as long as this object. For the threads that exchange: takes a lock.
  Endpoint& Of(std::string_view url);

  // What the series of this endpoint are labelled: the URL without its query, or `other`.
  std::string LabelOf(std::string_view url);

  void Collect(MetricsSink& sink) const override;

 private:
  using Endpoints = absl::btree_map<std::string, std::unique_ptr<Endpoint>>;
  Endpoints::iterator FindLocked(std::string_view url) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Endpoints endpoints_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::telemetry
