#include "server/telemetry/server_metrics.h"

#include <string_view>

namespace token_service::telemetry {
namespace {

constexpr CallerKind kCallers[] = {CallerKind::kTls, CallerKind::kUnix, CallerKind::kPlaintext};
constexpr TokenSource kSources[] = {TokenSource::kCache, TokenSource::kRefresh,
                                    TokenSource::kWatch};

}  // namespace

void ServerMetrics::CollectCalls(MetricsSink& sink) const {
  const CallMetrics& calls = observer_.calls();
  sink.Family(MetricType::kCounter, "token_service_tokens_issued_total",
              "Tokens handed out; source `cache`: at once, no exchange was waited for.");
  for (const CallerKind caller : kCallers) {
    for (const TokenSource source : kSources) {
      sink.Sample({{"caller", CallerKindName(caller)}, {"source", TokenSourceName(source)}},
                  static_cast<double>(calls.issued(caller, source)));
    }
  }
  sink.Family(MetricType::kCounter, "token_service_calls_total",
              "Calls that have ended, by ErrorInfo.reason or OK.");
  for (size_t method = 0; method < kMethods; ++method) {
    for (const CallerKind caller : kCallers) {
      for (size_t i = 0; i < calls.outcomes(); ++i) {
        const std::string_view outcome = calls.outcome(i);
        uint64_t count = calls.ended(static_cast<Method>(method), caller, outcome);
        const bool good = outcome == "OK";
        if (good && static_cast<Method>(method) == Method::kGetAccessToken) {
          count += calls.issued(caller, TokenSource::kCache);
          count += calls.issued(caller, TokenSource::kRefresh);
        }
        // What has not happened has no series, lest there be hundreds.
        if (count == 0 && !good) continue;
        sink.Sample({{"method", MethodName(static_cast<Method>(method))},
                     {"caller", CallerKindName(caller)},
                     {"outcome", outcome}},
                    static_cast<double>(count));
      }
    }
  }
}

void ServerMetrics::Collect(MetricsSink& sink) const {
  CollectCalls(sink);
  Single(sink, MetricType::kCounter, "token_service_connections_refused_total",
         "Connections closed at once: there were as many as limits.connections, or as files allow.",
         refused_connections_());
  sink.Family(MetricType::kCounter, "token_service_connections_cut_off_total",
              "Connections cut off for what they made the server hold, by why.");
  for (const auto& [why, count] : cut_off_connections_()) {
    sink.Sample({{"why", why}}, static_cast<double>(count));
  }
  Single(sink, MetricType::kCounter, "token_service_audit_lines_total",
         "Lines of the audit, dropped ones included.", audit_.lines());
  Single(sink, MetricType::kCounter, "token_service_audit_lines_dropped_total",
         "Lines of the audit that were dropped: its file is too slow, or takes none.",
         audit_.dropped());
  Single(sink, MetricType::kCounter, "token_service_audit_write_failures_total",
         "Times that the audit could not be written, or its file not be opened anew.",
         audit_.failures());
  Single(sink, MetricType::kCounter, "token_service_log_lines_dropped_total",
         "Lines of the log that were dropped: stderr is read too slowly.", LostLogLines());
  sink.Family(MetricType::kCounter, "token_service_config_reloads_total",
              "Configurations read again (SIGHUP), by what became of them.");
  sink.Sample({{"outcome", "taken"}}, static_cast<double>(reloads_.taken()));
  sink.Sample({{"outcome", "refused"}}, static_cast<double>(reloads_.refused()));
  Single(sink, MetricType::kGauge, "token_service_config_last_reload_successful",
         "1: the configuration that serves is the one read last.", reloads_.last_taken() ? 1 : 0);
  Single(sink, MetricType::kGauge, "token_service_config_taken_timestamp_seconds",
         "When the configuration that serves was taken up, since the Unix epoch.",
         absl::ToDoubleSeconds(reloads_.taken_at() - absl::UnixEpoch()));
}

}  // namespace token_service::telemetry
