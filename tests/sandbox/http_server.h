#pragma once

#include <httplib.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/posix/acceptor.h"

namespace token_service::sandbox {

// The library's server with connections that can misbehave (Connection), each serving one request.
// Connections are accepted here: the library stops listening for good, and says nothing, when
// accept() fails once, because the whole machine has too many files open, say. Configure it, then
// Bind, then Serve.
class HttpServer final : public httplib::Server {
 public:
  HttpServer();
  ~HttpServer() override { Stop(); }

  // `address` is HOST:PORT or [HOST]:PORT, the host an IP address or localhost; port 0: any.
  // Returns the port. Fails with INVALID_ARGUMENT or UNAVAILABLE.
  absl::StatusOr<int> Bind(const std::string& address);

  // From now on, on threads of its own.
  void Serve();
  // When it returns no request is being served.
  void Stop();

  // The host of the address bound to, as it stands in a URL.
  const std::string& url_host() const { return url_host_; }

 private:
  bool process_and_close_socket(socket_t fd) override;

  std::string url_host_;
  int listening_ = -1;
  std::unique_ptr<httplib::ThreadPool> workers_;
  std::unique_ptr<posix::Acceptor> acceptor_;
};

}  // namespace token_service::sandbox
