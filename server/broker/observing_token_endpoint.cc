#include "server/broker/observing_token_endpoint.h"

namespace token_service::broker {
namespace {

using telemetry::ExchangeEnd;

struct EndOf {
  ExchangeEnd operator()(const Granted&) const { return ExchangeEnd::kGranted; }
  ExchangeEnd operator()(const Extended&) const { return ExchangeEnd::kGranted; }
  ExchangeEnd operator()(const Unspent&) const { return ExchangeEnd::kUnspent; }
  ExchangeEnd operator()(const GrantDead&) const { return ExchangeEnd::kDead; }
  ExchangeEnd operator()(const ClientRefused&) const { return ExchangeEnd::kClientRefused; }
  ExchangeEnd operator()(const InDoubt&) const { return ExchangeEnd::kInDoubt; }
  ExchangeEnd operator()(const Malformed&) const { return ExchangeEnd::kMalformed; }
  ExchangeEnd operator()(const TooLate&) const { return ExchangeEnd::kUnspent; }
};

}  // namespace

ExchangeOutcome ObservingTokenEndpoint::Exchange(const CredentialSettings& settings,
                                                 const Presented& presented,
                                                 MonotonicTime send_before) {
  telemetry::ExchangeMetrics::Endpoint& endpoint = metrics_.Of(settings.token_endpoint);
  endpoint.CountStarted();
  const MonotonicTime start = clock_.Now();
  ExchangeOutcome outcome = inner_.Exchange(settings, presented, send_before);
  endpoint.CountEnded(std::visit(EndOf(), outcome), clock_.Now() - start);
  return outcome;
}

}  // namespace token_service::broker
