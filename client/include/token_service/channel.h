#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"

namespace token_service::client {

// Where the server is and how to trust it. Files are PEM, read once.
struct ChannelOptions {
  std::string server =
      "127.0.0.1:50051";                  // A gRPC target: host:port, unix:/path, dns:///host:port.
  std::string tls_ca_file = {};           // Empty: the system's roots.
  std::string tls_certificate_file = {};  // The caller's own identity; with its key or not at all.
  std::string tls_private_key_file = {};
  std::string tls_server_name =
      {};  // The name the server's certificate must bear, when not the host.
};

// Makes a channel without connecting it. Plaintext to loopback and unix sockets unless a tls_
// option is given, TLS everywhere else. INVALID_ARGUMENT names the option that is wrong: an
// unreadable file, a half of a pair.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(const ChannelOptions& options);

// Whether bytes sent to this gRPC target stay on the machine: 127.0.0.0/8, ::1, localhost, unix
// sockets.
bool IsLocalTarget(std::string_view target);

}  // namespace token_service::client
