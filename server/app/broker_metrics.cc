#include "server/app/broker_metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace token_service::app {
namespace {

using broker::CredentialState;
using telemetry::CallerKind;
using telemetry::MetricsSink;
using telemetry::MetricType;

constexpr size_t kPage = 100;
constexpr std::array<std::string_view, 7> kStates = {
    "ACTIVE",          "BACKING_OFF", "IN_DOUBT", "NEEDS_REAUTHORIZATION",
    "CLIENT_REJECTED", "DISABLED",    "HELD"};

}  // namespace

void BrokerMetrics::Collect(MetricsSink& sink) const {
  Single(sink, MetricType::kGauge, "token_service_unpersisted_rotations",
         "Answers of the provider that are in memory only, because the store would not take them. "
         "Lost if the process ends: page somebody.",
         parts_.scheduler.unpersisted());
  Single(sink, MetricType::kGauge, "token_service_waiting_calls",
         "Calls that wait for an exchange.", parts_.issuer.waiting());
  Single(sink, MetricType::kGauge, "token_service_watchers", "WatchAccessToken streams.",
         parts_.watchers.count());
  CollectEndpoints(sink);
  CollectCredentials(sink);
  CollectCalls(sink);
}

void BrokerMetrics::CollectEndpoints(MetricsSink& sink) const {
  // Of endpoints that share a label, the worst and the sum.
  std::map<std::string, std::pair<bool, size_t>> by_label;
  for (const auto& endpoint : parts_.scheduler.ListEndpoints()) {
    auto& [open, queued] = by_label[parts_.exchanges.LabelOf(endpoint.url)];
    open = open || endpoint.breaker_open;
    queued += endpoint.queued;
  }
  sink.Family(MetricType::kGauge, "token_service_endpoint_breaker_open",
              "1: the endpoint fails, and only single probes go there.");
  for (const auto& [label, endpoint] : by_label) {
    sink.Sample({{"endpoint", label}}, endpoint.first ? 1 : 0);
  }
  sink.Family(MetricType::kGauge, "token_service_endpoint_queued_refreshes",
              "Refreshes that are due and wait for a worker or for the endpoint.");
  for (const auto& [label, endpoint] : by_label) {
    sink.Sample({{"endpoint", label}}, static_cast<double>(endpoint.second));
  }
}

void BrokerMetrics::CollectCredentials(MetricsSink& sink) const {
  std::array<size_t, kStates.size()> counts{};
  std::vector<std::pair<std::string, std::string_view>> not_active;
  std::vector<std::string> unreadable;
  std::vector<std::pair<std::string, absl::Time>> ends;
  sink.Family(MetricType::kGauge, "token_service_credential_token_remaining_seconds",
              "How long the current access token lives; 0: expired.");
  std::string after;
  while (true) {
    const auto page = parts_.scheduler.List(after, kPage);
    const MonotonicTime now = parts_.clock.Now();
    for (const broker::CredentialStatus& status : page) {
      const std::string& name = status.settings->name;
      const auto state = static_cast<size_t>(status.state);
      ++counts[state];
      if (status.state != CredentialState::kActive) not_active.emplace_back(name, kStates[state]);
      if (status.evidence != broker::StandingEvidence::kNone) unreadable.push_back(name);
      if (status.refresh_token_expire_time.has_value()) {
        ends.emplace_back(name, *status.refresh_token_expire_time);
      }
      if (status.token == nullptr) continue;
      const absl::Duration left = std::max(status.token->expires - now, absl::ZeroDuration());
      sink.Sample({{"credential", name}},
                  absl::ToDoubleSeconds(absl::Floor(left, absl::Milliseconds(1))));
    }
    if (page.size() < kPage) break;
    after = page.back().settings->name;
  }
  sink.Family(MetricType::kGauge, "token_service_credentials", "Credentials, by their state.");
  for (size_t state = 0; state < kStates.size(); ++state) {
    sink.Sample({{"state", kStates[state]}}, static_cast<double>(counts[state]));
  }
  sink.Family(
      MetricType::kGauge, "token_service_unreadable_answers",
      "1 for each credential of which an answer is kept that may hold its next refresh token: "
      "nothing is refreshed until that is settled. Page somebody.");
  for (const std::string& name : unreadable) sink.Sample({{"credential", name}}, 1);
  sink.Family(
      MetricType::kGauge, "token_service_grant_expiry_seconds",
      "When the refresh token ends however often it is used, in seconds since 1970; of each "
      "credential of which that is known. Somebody has to log in again before.");
  for (const auto& [name, end] : ends) {
    sink.Sample({{"credential", name}}, absl::ToDoubleSeconds(end - absl::UnixEpoch()));
  }
  sink.Family(MetricType::kGauge, "token_service_credential_state",
              "1 for the state of each credential that is not ACTIVE.");
  for (const auto& [name, state] : not_active) {
    sink.Sample({{"credential", name}, {"state", state}}, 1);
  }
}

void BrokerMetrics::CollectCalls(MetricsSink& sink) const {
  struct Row {
    std::string name;
    CallerKind caller;
    uint64_t issued;
    uint64_t refused;
  };
  // Copied first: nothing of the cache is freed while it is looked through.
  std::vector<Row> rows;
  parts_.cache.ForEachCalls(
      [&rows](std::string_view name, const telemetry::CredentialCalls& calls) {
        for (const auto caller : {CallerKind::kTls, CallerKind::kUnix, CallerKind::kPlaintext}) {
          const uint64_t issued = calls.issued(caller);
          const uint64_t refused = calls.refused(caller);
          if (issued + refused > 0) rows.push_back({std::string(name), caller, issued, refused});
        }
      });
  sink.Family(MetricType::kCounter, "token_service_credential_calls_total",
              "Answers about one credential, to callers that may use it: tokens and refusals.");
  for (const Row& row : rows) {
    const std::string_view caller = telemetry::CallerKindName(row.caller);
    sink.Sample({{"credential", row.name}, {"caller", caller}, {"outcome", "token"}},
                static_cast<double>(row.issued));
    if (row.refused == 0) continue;
    sink.Sample({{"credential", row.name}, {"caller", caller}, {"outcome", "refused"}},
                static_cast<double>(row.refused));
  }
}

}  // namespace token_service::app
