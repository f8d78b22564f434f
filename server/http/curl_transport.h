#pragma once

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/http/curl_share.h"
#include "server/http/http_transport.h"

namespace token_service::http {

// HttpTransport over libcurl.
//
// Every POST has a handle and a connection of its own; TLS sessions are resumed, which keeps that
// cheap. TLS 1.2 or later, verified; HTTP/2 when the server offers it over TLS. Proxies come from
// the environment
// (`https_proxy`, `no_proxy`), for https only. No cookies, no netrc, no redirects, no "100
// Continue".
//
// Whether a request may have left is not guessed from libcurl's error code, which is the same for a
// time-out before and after: libcurl says when it is about to send, and only a transfer that ended
// before that is NotSent.
class CurlTransport final : public HttpTransport {
 public:
  struct Options {
    absl::Duration connect_timeout = absl::Seconds(5);  // Look-up, TCP, proxy and TLS together.
    absl::Duration total_timeout = absl::Seconds(30);
    size_t max_response_bytes = 64 * 1024;  // Of the body.
    // Far more than anybody sends: an answer with many headers may have tokens behind them. Less
    // than what libcurl gives up at, and does not tell so.
    size_t max_header_bytes = 256 * 1024;
  };

  // `clock` outlives the transport. INTERNAL: libcurl cannot be set up.
  static absl::StatusOr<std::unique_ptr<CurlTransport>> Create(const Options& options,
                                                               const Clock& clock = SystemClock());

  HttpOutcome Post(const HttpRequest& request) override;

 private:
  CurlTransport(const Options& options, std::unique_ptr<CurlShare> share, const Clock& clock);

  const Options options_;
  const std::unique_ptr<CurlShare> share_;
  const Clock& clock_;
};

}  // namespace token_service::http
