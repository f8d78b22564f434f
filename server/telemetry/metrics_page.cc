#include "server/telemetry/metrics_page.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace token_service::telemetry {
namespace {

constexpr int kNiceness = 10;

void BeNice() {
  static thread_local const bool once = [] {
    return setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness) == 0;
  }();
  (void)once;
}

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

class Sources final : public prometheus::Collectable {
 public:
  explicit Sources(std::vector<const MetricsSource*> sources) : sources_(std::move(sources)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    BeNice();
    FamiliesSink sink;
    for (const MetricsSource* source : sources_) source->Collect(sink);
    return std::move(sink).Take();
  }

 private:
  const std::vector<const MetricsSource*> sources_;
};

}  // namespace

struct MetricsPage::Impl {
  std::shared_ptr<Sources> sources;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MetricsPage::MetricsPage() = default;
MetricsPage::~MetricsPage() = default;

absl::StatusOr<std::unique_ptr<MetricsPage>> MetricsPage::Create(Options options) {
  auto page = std::unique_ptr<MetricsPage>(new MetricsPage);
  page->impl_ = std::make_unique<Impl>();
  Impl& impl = *page->impl_;
  impl.sources = std::make_shared<Sources>(std::move(options.sources));
  try {
    // A connection that says nothing, or does not read, has a thread for five seconds.
    impl.exposer = std::make_unique<prometheus::Exposer>(
        std::vector<std::string>{"listening_ports", options.address, "num_threads", "4",
                                 "request_timeout_ms", "5000", "enable_keep_alive", "no"});
    impl.exposer->RegisterCollectable(impl.sources, "/metrics$");
  } catch (const std::exception&) {
    return absl::UnavailableError(absl::StrCat("metrics.listen: cannot listen on ", options.address,
                                               ": is the address free, and ours?"));
  }
  const std::vector<int> ports = impl.exposer->GetListeningPorts();
  page->address_ = absl::StrCat(options.address.substr(0, options.address.rfind(':') + 1),
                                ports.empty() ? 0 : ports.front());
  return page;
}

}  // namespace token_service::telemetry
