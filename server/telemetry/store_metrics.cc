#include "server/telemetry/store_metrics.h"

#include <string_view>

namespace token_service::telemetry {
namespace {

constexpr double kBounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5};
constexpr std::array<std::string_view, kStoreOperations> kNames = {"begin", "commit", "conclude",
                                                                   "quarantine", "other"};

}  // namespace

StoreMetrics::Of::Of() : took(kBounds) {}

StoreMetrics::StoreMetrics() = default;

void StoreMetrics::Count(StoreOperation operation, bool failed, absl::Duration took) {
  Of& of = operations_[static_cast<size_t>(operation)];
  of.took.Observe(took);
  if (failed) of.failed.fetch_add(1, std::memory_order_relaxed);
}

void StoreMetrics::Collect(MetricsSink& sink) const {
  sink.Family(MetricType::kHistogram, "token_service_store_transaction_duration_seconds",
              "How long the store's transactions took, failed ones too.");
  for (size_t i = 0; i < kStoreOperations; ++i) {
    sink.Sample({{"operation", kNames[i]}}, operations_[i].took);
  }
  const auto failed = [this](StoreOperation operation) {
    return static_cast<double>(
        operations_[static_cast<size_t>(operation)].failed.load(std::memory_order_relaxed));
  };
  sink.Family(MetricType::kCounter, "token_service_store_failures_total",
              "Transactions that the store could not make (disk full, database gone).");
  for (size_t i = 0; i < kStoreOperations; ++i) {
    sink.Sample({{"operation", kNames[i]}}, failed(static_cast<StoreOperation>(i)));
  }
  Single(sink, MetricType::kCounter, "token_service_commit_failures_total",
         "Writes of a provider's answer that failed, each try.",
         failed(StoreOperation::kCommit) + failed(StoreOperation::kQuarantine));
  Single(sink, MetricType::kCounter, "token_service_quarantined_answers_total",
         "Answers kept, sealed, because they may hold the only copy of a refresh token.",
         quarantined_.load(std::memory_order_relaxed));
}

}  // namespace token_service::telemetry
