#include "server/telemetry/exchange_metrics.h"

#include <utility>
#include <vector>

namespace token_service::telemetry {
namespace {

constexpr double kBounds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
constexpr std::string_view kOther = "other";
constexpr std::array<std::string_view, kExchangeEnds> kEndNames = {
    "granted", "unspent", "dead", "client_refused", "in_doubt", "malformed"};

}  // namespace

ExchangeMetrics::Endpoint::Endpoint() : took_(kBounds) {}

void ExchangeMetrics::Endpoint::CountEnded(ExchangeEnd end, absl::Duration took) {
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  ended_[static_cast<size_t>(end)].fetch_add(1, std::memory_order_relaxed);
  took_.Observe(took);
}

ExchangeMetrics::Endpoints::iterator ExchangeMetrics::FindLocked(std::string_view url) {
  // A query may hold what is nobody's business.
  std::string label(url.substr(0, url.find('?')));
  auto found = endpoints_.find(label);
  if (found != endpoints_.end()) return found;
  if (endpoints_.size() >= kMostEndpoints) {
    label = kOther;
    found = endpoints_.find(label);
    if (found != endpoints_.end()) return found;
  }
  return endpoints_.emplace(std::move(label), std::make_unique<Endpoint>()).first;
}

ExchangeMetrics::Endpoint& ExchangeMetrics::Of(std::string_view url) {
  absl::MutexLock lock(&mutex_);
  return *FindLocked(url)->second;
}

std::string ExchangeMetrics::LabelOf(std::string_view url) {
  absl::MutexLock lock(&mutex_);
  return FindLocked(url)->first;
}

void ExchangeMetrics::Collect(MetricsSink& sink) const {
  std::vector<std::pair<std::string, const Endpoint*>> all;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [label, endpoint] : endpoints_) all.emplace_back(label, endpoint.get());
  }
  sink.Family(MetricType::kCounter, "token_service_exchanges_total",
              "Exchanges of a refresh token at the provider, by what became of it.");
  for (const auto& [label, endpoint] : all) {
    for (size_t end = 0; end < kExchangeEnds; ++end) {
      sink.Sample({{"endpoint", label}, {"outcome", kEndNames[end]}},
                  static_cast<double>(endpoint->ended_[end].load(std::memory_order_relaxed)));
    }
  }
  sink.Family(MetricType::kGauge, "token_service_exchanges_in_flight", "Exchanges under way.");
  for (const auto& [label, endpoint] : all) {
    sink.Sample({{"endpoint", label}},
                static_cast<double>(endpoint->in_flight_.load(std::memory_order_relaxed)));
  }
  sink.Family(MetricType::kHistogram, "token_service_exchange_duration_seconds",
              "How long exchanges took, whatever their end.");
  for (const auto& [label, endpoint] : all) sink.Sample({{"endpoint", label}}, endpoint->took_);
}

}  // namespace token_service::telemetry
