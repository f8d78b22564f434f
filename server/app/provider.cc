#include "server/app/provider.h"

#include <utility>

#include "server/http/curl_transport.h"
#include "server/oauth/oauth_token_endpoint.h"

namespace token_service::app {

absl::StatusOr<Provider> OpenProvider(const Limits& limits, const Clock& clock) {
  auto transport = http::CurlTransport::Create(
      {.connect_timeout = limits.connect_timeout, .total_timeout = limits.exchange_timeout});
  if (!transport.ok()) return absl::InternalError(transport.status().message());
  auto endpoint = std::make_unique<oauth::OAuthTokenEndpoint>(**transport, clock);
  return Provider{.transport = *std::move(transport), .endpoint = std::move(endpoint)};
}

}  // namespace token_service::app
