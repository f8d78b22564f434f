#include "tests/sandbox/http_server.h"

#include <fcntl.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/sandbox/connection.h"

namespace token_service::sandbox {
namespace {

// Hanging requests each hold a thread.
constexpr size_t kThreads = 64;
constexpr size_t kMaxBody = 64 * 1024;

}  // namespace

HttpServer::HttpServer() {
  set_payload_max_length(kMaxBody);
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
  absl::StatusOr<posix::ListeningSockets> sockets = posix::ListeningSockets::OnTcp(host, port);
  if (!sockets.ok()) return sockets.status();
  const std::string bound = sockets->address();
  listening_ = sockets->descriptors().front();
  acceptor_ = std::make_unique<posix::Acceptor>(
      posix::Acceptor::Whose::kOperators, *std::move(sockets),
      posix::Acceptor::Events{.on_connection = [this](posix::FileDescriptor connection, int) {
        const int fd = connection.Release();
        ::fcntl(fd, F_SETFL, 0);  // The library writes all at once.
        workers_->enqueue([this, fd] { process_and_close_socket(fd); });
      }});
  return std::stoi(bound.substr(bound.rfind(':') + 1));
}

void HttpServer::Serve() {
  workers_ = std::make_unique<httplib::ThreadPool>(kThreads);
  svr_sock_ = listening_;  // The library takes a server without one for one that is ending.
  acceptor_->Start();
  acceptor_->Accept();
}

void HttpServer::Stop() {
  svr_sock_ = INVALID_SOCKET;
  if (acceptor_ != nullptr) acceptor_->Stop();
  if (workers_ != nullptr) workers_->shutdown();
  workers_.reset();
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
