#include "server/http/curl_transport.h"

#include <utility>

#include "server/http/curl_exchange.h"

namespace token_service::http {

absl::StatusOr<std::unique_ptr<CurlTransport>> CurlTransport::Create(const Options& options,
                                                                     const Clock& clock) {
  auto share = CurlShare::Create();
  if (!share.ok()) return share.status();
  return std::unique_ptr<CurlTransport>(new CurlTransport(options, *std::move(share), clock));
}

CurlTransport::CurlTransport(const Options& options, std::unique_ptr<CurlShare> share,
                             const Clock& clock)
    : options_(options), share_(std::move(share)), clock_(clock) {}

HttpOutcome CurlTransport::Post(const HttpRequest& request) {
  const CurlLimits limits{options_.connect_timeout, options_.total_timeout,
                          options_.max_response_bytes, options_.max_header_bytes};
  CurlExchange exchange(request, limits, *share_, clock_);
  return exchange.Perform();
}

}  // namespace token_service::http
