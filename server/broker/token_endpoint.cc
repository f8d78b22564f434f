#include "server/broker/token_endpoint.h"

#include <utility>

namespace token_service::broker {

ExchangeOutcome WithoutRefreshToken(ExchangeOutcome outcome) {
  if (auto* const granted = std::get_if<Granted>(&outcome)) {
    granted->refresh_token.reset();
    granted->refresh_token_lifetime.reset();
    granted->evidence = {};
  } else if (auto* const dead = std::get_if<GrantDead>(&outcome)) {
    return ClientRefused{.detail = std::move(dead->detail), .said = std::move(dead->said)};
  } else if (auto* const in_doubt = std::get_if<InDoubt>(&outcome)) {
    in_doubt->evidence = {};
  } else if (auto* const malformed = std::get_if<Malformed>(&outcome)) {
    return InDoubt{.reason = Reason::kProviderMalformed,
                   .detail = std::move(malformed->detail),
                   .retry_after = std::nullopt,
                   .nonsense = true};
  }
  return outcome;
}

}  // namespace token_service::broker
