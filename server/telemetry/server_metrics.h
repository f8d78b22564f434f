#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "server/telemetry/audit_log.h"
#include "server/telemetry/call_observer.h"
#include "server/telemetry/metrics_sink.h"
#include "server/telemetry/reload_metrics.h"

namespace token_service::telemetry {

// The calls, the connections, the audit, the log and the configuration.
class ServerMetrics final : public MetricsSource {
 public:
  // How many connections were refused so far. Any thread.
  using RefusedConnections = uint64_t (*)();

  // How many were cut off, for each reason. Any thread.
  using CutOffConnections = std::vector<std::pair<std::string_view, uint64_t>> (*)();

  // All outlive this object.
  ServerMetrics(const CallObserver& observer, const AuditLog& audit, const ReloadMetrics& reloads,
                RefusedConnections refused_connections, CutOffConnections cut_off_connections)
      : observer_(observer),
        audit_(audit),
        reloads_(reloads),
        refused_connections_(refused_connections),
        cut_off_connections_(cut_off_connections) {}

  void Collect(MetricsSink& sink) const override;

 private:
  void CollectCalls(MetricsSink& sink) const;

  const CallObserver& observer_;
  const AuditLog& audit_;
  const ReloadMetrics& reloads_;
  const RefusedConnections refused_connections_;
  const CutOffConnections cut_off_connections_;
};

}  // namespace token_service::telemetry
