#include "server/telemetry/prometheus_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace token_service::telemetry {
namespace {

std::vector<prometheus::ClientMetric::Label> ToPrometheus(std::initializer_list<Label> labels) {
  std::vector<prometheus::ClientMetric::Label> all;
  all.reserve(labels.size());
  for (const Label& label : labels) {
    all.push_back({std::string(label.name), std::string(label.value)});
  }
  return all;
}

class FamiliesSink final : public MetricsSink {
 public:
  void Family(MetricType type, std::string_view name, std::string_view help) override {
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = type == MetricType::kCounter ? prometheus::MetricType::Counter
                  : type == MetricType::kGauge ? prometheus::MetricType::Gauge
                                               : prometheus::MetricType::Histogram;
  }

  void Sample(std::initializer_list<Label> labels, double value) override {
    prometheus::MetricFamily& family = families_.back();
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.label = ToPrometheus(labels);
    (family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        value;
  }

  void Sample(std::initializer_list<Label> labels, const Histogram& histogram) override {
    prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
    metric.label = ToPrometheus(labels);
    const auto bounds = histogram.bounds();
    uint64_t cumulative = 0;
    for (size_t i = 0; i < bounds.size(); ++i) {
      cumulative += histogram.count(i);
      metric.histogram.bucket.push_back({.cumulative_count = cumulative, .upper_bound = bounds[i]});
    }
    // The serialiser adds the bucket of infinity, with this.
    metric.histogram.sample_count = cumulative + histogram.count(bounds.size());
    metric.histogram.sample_sum = histogram.sum_seconds();
  }

  std::vector<prometheus::MetricFamily> Take() && { return std::move(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace

std::string PrometheusText(const std::vector<const MetricsSource*>& sources) {
  FamiliesSink sink;
  for (const MetricsSource* source : sources) source->Collect(sink);
  return prometheus::TextSerializer().Serialize(std::move(sink).Take());
}

}  // namespace token_service::telemetry
