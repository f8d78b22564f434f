#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/broker/token_endpoint.h"
#include "server/config/config.h"
#include "server/http/http_transport.h"

namespace token_service::app {

// The way to the providers. The order of the members is that of their lives; none is null.
struct Provider {
  std::unique_ptr<http::HttpTransport> transport;
  std::unique_ptr<broker::TokenEndpoint> endpoint;  // Over `transport`.
};

// Asks nobody for anything. INTERNAL: libcurl cannot be set up. `clock` outlives it.
absl::StatusOr<Provider> OpenProvider(const Limits& limits, const Clock& clock);

}  // namespace token_service::app
