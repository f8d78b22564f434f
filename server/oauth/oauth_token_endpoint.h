#pragma once

#include "server/base/clock.h"
#include "server/broker/token_endpoint.h"
#include "server/http/http_transport.h"

namespace token_service::oauth {

// A TokenEndpoint as RFC 6749 has it, over HTTP. Threads: as the transport. No state of its own.
//
// An answer with tokens is never thrown away: one whose connection broke after its last brace is
// used, and any other 2xx with a body that cannot be used, whole or not, comes back as Malformed
// with what there is of it.
class OAuthTokenEndpoint final : public broker::TokenEndpoint {
 public:
  // Both outlive it.
  OAuthTokenEndpoint(http::HttpTransport& transport, const Clock& clock);

  broker::ExchangeOutcome Exchange(const broker::CredentialSettings& settings,
                                   const Secret& refresh_token) override;

 private:
  http::HttpTransport& transport_;
  const Clock& clock_;
};

}  // namespace token_service::oauth
