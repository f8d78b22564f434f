#pragma once

#include <initializer_list>
#include <string_view>

#include "server/telemetry/histogram.h"

namespace token_service::telemetry {

enum class MetricType { kCounter, kGauge, kHistogram };

struct Label {
  std::string_view name;
  std::string_view value;
};

// Where the metrics of one scrape go, family by family. Names and help are constants; names follow
// Prometheus' conventions.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;

  // The samples that follow are of this family. Each family once a scrape.
  virtual void Family(MetricType type, std::string_view name, std::string_view help) = 0;
  virtual void Sample(std::initializer_list<Label> labels, double value) = 0;
  virtual void Sample(std::initializer_list<Label> labels, const Histogram& histogram) = 0;
};

// A family of one sample without labels.
template <typename Number>
void Single(MetricsSink& sink, MetricType type, std::string_view name, std::string_view help,
            Number value) {
  sink.Family(type, name, help);
  sink.Sample({}, static_cast<double>(value));
}

// What is asked at each scrape, by any of the scrapers' threads. Must not wait for what callers
// wait for.
class MetricsSource {
 public:
  virtual ~MetricsSource() = default;
  virtual void Collect(MetricsSink& sink) const = 0;
};

}  // namespace token_service::telemetry
