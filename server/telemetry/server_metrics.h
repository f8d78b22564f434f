#pragma once

#include "server/telemetry/audit_log.h"
#include "server/telemetry/call_observer.h"
#include "server/telemetry/metrics_sink.h"
#include "server/telemetry/reload_metrics.h"

namespace token_service::telemetry {

// The calls, the audit, the log and the configuration.
class ServerMetrics final : public MetricsSource {
 public:
  // All outlive this object.
  ServerMetrics(const CallObserver& observer, const AuditLog& audit, const ReloadMetrics& reloads)
      : observer_(observer), audit_(audit), reloads_(reloads) {}

  void Collect(MetricsSink& sink) const override;

 private:
  void CollectCalls(MetricsSink& sink) const;

  const CallObserver& observer_;
  const AuditLog& audit_;
  const ReloadMetrics& reloads_;
};

}  // namespace token_service::telemetry
