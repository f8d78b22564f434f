#pragma once

#include "server/app/handshake_failures.h"
#include "server/telemetry/metrics_sink.h"
#include "server/tls/reloading_certificate.h"

namespace token_service::app {

// How TLS is doing: the server's own certificate, and clients that got no connection.
class TlsMetrics final : public telemetry::MetricsSource {
 public:
  // Both outlive this object.
  TlsMetrics(const tls::ReloadingCertificate& certificate, const HandshakeFailures& failures)
      : certificate_(certificate), failures_(failures) {}

  void Collect(telemetry::MetricsSink& sink) const override;

 private:
  const tls::ReloadingCertificate& certificate_;
  const HandshakeFailures& failures_;
};

}  // namespace token_service::app
