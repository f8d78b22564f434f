#pragma once

#include <httplib.h>

#include <string>

#include "absl/status/statusor.h"

namespace token_service::sandbox {

// The library's server with connections that can misbehave (Connection), each serving one request.
// Configure it, then Bind, then listen_after_bind on a thread of its own.
class HttpServer final : public httplib::Server {
 public:
  HttpServer();

  // `address` is HOST:PORT or [HOST]:PORT; port 0: any. Returns the port. Fails with
  // INVALID_ARGUMENT or UNAVAILABLE.
  absl::StatusOr<int> Bind(const std::string& address);

  // The host of the address bound to, as it stands in a URL.
  const std::string& url_host() const { return url_host_; }

 private:
  bool process_and_close_socket(socket_t fd) override;

  std::string url_host_;
};

}  // namespace token_service::sandbox
