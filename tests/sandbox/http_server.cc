#include "tests/sandbox/http_server.h"

#include <sys/socket.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/sandbox/connection.h"

namespace token_service::sandbox {
namespace {

// Hanging requests each hold a thread.
constexpr size_t kThreads = 64;
constexpr int kBacklog = 512;
constexpr size_t kMaxBody = 64 * 1024;

}  // namespace

HttpServer::HttpServer() {
  new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  set_payload_max_length(kMaxBody);
  set_tcp_nodelay(true);
  // The library's default shares the port with any other process that asks for it.
  set_socket_options([](socket_t fd) {
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  // Its default puts the exception's text into a header.
  set_exception_handler([](const httplib::Request&, httplib::Response& response,
                           std::exception_ptr) { response.status = 500; });
}

absl::StatusOr<int> HttpServer::Bind(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > 65535) {
    return absl::InvalidArgumentError("--listen wants HOST:PORT");
  }
  url_host_ = address.substr(0, colon);
  std::string host = url_host_;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return absl::InvalidArgumentError("--listen wants HOST:PORT");
  if (port == 0) {
    port = bind_to_any_port(host);
  } else if (!bind_to_port(host, port)) {
    port = -1;
  }
  if (port < 0) return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
  ::listen(svr_sock_,
           kBacklog);  // The library's own backlog is 5: bursts would wait for SYN retries.
  return port;
}

bool HttpServer::process_and_close_socket(socket_t fd) {
  Connection connection(fd);
  bool closed = false;
  // cpp-httplib 0.11, Debian 12's, asks the stream for the addresses; 0.18, Debian 13's, wants to
  // be told them.
  const auto process = [&](auto& server) {
    constexpr bool kToldAddresses = requires {
      server.process_request(connection, "", -1, "", -1, true, closed, nullptr);
    };
    if constexpr (kToldAddresses) {
      return server.process_request(connection, "", -1, "", -1, /*close_connection=*/true, closed,
                                    nullptr);
    } else {
      return server.process_request(connection, /*close_connection=*/true, closed, nullptr);
    }
  };
  return process(*this);
}

}  // namespace token_service::sandbox
