#pragma once

#include <string>
#include <vector>

#include "server/telemetry/metrics_sink.h"

namespace token_service::telemetry {

// One scrape of the sources, in this order, in Prometheus' text format.
std::string PrometheusText(const std::vector<const MetricsSource*>& sources);

}  // namespace token_service::telemetry
