#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "server/telemetry/histogram.h"
#include "server/telemetry/metrics_sink.h"

namespace token_service::telemetry {

// The store's transactions (broker::CredentialStore).
enum class StoreOperation : uint8_t {
  kBegin,
  kCommit,
  kConclude,
  kQuarantine,
  kOther,  // What operators and the start want of it.
};
inline constexpr size_t kStoreOperations = 5;

// Any thread.
class StoreMetrics final : public MetricsSource {
 public:
  StoreMetrics();

  // `failed`: the store could not. That there is no such credential is an answer.
  void Count(StoreOperation operation, bool failed, absl::Duration took);
  // An answer was kept because it may hold a refresh token that nobody else knows.
  void CountQuarantined() { quarantined_.fetch_add(1, std::memory_order_relaxed); }

  void Collect(MetricsSink& sink) const override;

 private:
  struct Of {
    Of();
    std::atomic<uint64_t> failed = 0;
    Histogram took;
  };

  std::array<Of, kStoreOperations> operations_;
  std::atomic<uint64_t> quarantined_ = 0;
};

}  // namespace token_service::telemetry
