#pragma once

#include "server/base/clock.h"
#include "server/broker/token_endpoint.h"
#include "server/telemetry/exchange_metrics.h"

namespace token_service::broker {

// Counts and times what another endpoint does.
class ObservingTokenEndpoint final : public TokenEndpoint {
 public:
  // All outlive this object.
  ObservingTokenEndpoint(TokenEndpoint& inner, telemetry::ExchangeMetrics& metrics,
                         const Clock& clock)
      : inner_(inner), metrics_(metrics), clock_(clock) {}

  ExchangeOutcome Exchange(const CredentialSettings& settings, const Presented& presented,
                           MonotonicTime send_before) override;

 private:
  TokenEndpoint& inner_;
  telemetry::ExchangeMetrics& metrics_;
  const Clock& clock_;
};

}  // namespace token_service::broker
