#include "server/app/tls_metrics.h"

namespace token_service::app {

void TlsMetrics::Collect(telemetry::MetricsSink& sink) const {
  using telemetry::MetricType;
  telemetry::Single(sink, MetricType::kGauge, "token_service_certificate_expiry_timestamp_seconds",
                    "When the server's own certificate ends, since the Unix epoch.",
                    absl::ToDoubleSeconds(certificate_.Current()->expire_time - absl::UnixEpoch()));
  sink.Family(MetricType::kCounter, "token_service_tls_handshake_failures_total",
              "Callers that got no connection, by what was wrong.");
  for (size_t i = 0; i < HandshakeFailures::kCauses; ++i) {
    const auto cause = static_cast<HandshakeFailures::Cause>(i);
    sink.Sample({{"cause", HandshakeFailures::NameOf(cause)}},
                static_cast<double>(failures_.count(cause)));
  }
}

}  // namespace token_service::app
