#pragma once

#include <string>

#include "server/telemetry/metrics_sink.h"

namespace token_service::telemetry {

// What the kernel knows of this process, by the names that Prometheus' own client libraries use,
// and the build.
class ProcessMetrics final : public MetricsSource {
 public:
  explicit ProcessMetrics(std::string version) : version_(std::move(version)) {}
  void Collect(MetricsSink& sink) const override;

 private:
  const std::string version_;
};

}  // namespace token_service::telemetry
