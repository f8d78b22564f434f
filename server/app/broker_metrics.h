#pragma once

#include "server/base/clock.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/token_cache.h"
#include "server/broker/token_issuer.h"
#include "server/broker/token_watchers.h"
#include "server/telemetry/exchange_metrics.h"
#include "server/telemetry/metrics_sink.h"

namespace token_service::app {

// What the broker knows of itself, looked up at each scrape: nothing is kept, and a credential that
// is gone has no series. The scheduler's lock is taken for a hundred credentials at a time.
class BrokerMetrics final : public telemetry::MetricsSource {
 public:
  // All outlive this object.
  struct Parts {
    const broker::TokenCache& cache;
    const broker::RefreshScheduler& scheduler;
    const broker::TokenIssuer& issuer;
    const broker::TokenWatchers& watchers;
    telemetry::ExchangeMetrics& exchanges;  // For the labels of endpoints.
    const Clock& clock;
  };

  explicit BrokerMetrics(const Parts& parts) : parts_(parts) {}

  void Collect(telemetry::MetricsSink& sink) const override;

 private:
  void CollectEndpoints(telemetry::MetricsSink& sink) const;
  void CollectCredentials(telemetry::MetricsSink& sink) const;
  void CollectCalls(telemetry::MetricsSink& sink) const;

  const Parts parts_;
};

}  // namespace token_service::app
