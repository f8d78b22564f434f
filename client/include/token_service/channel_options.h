#pragma once

#include <string>

namespace token_service::client {

// Where the server is and how to trust it. Files are PEM.
struct ChannelOptions {
  std::string server =
      "127.0.0.1:50051";                  // A gRPC target: host:port, unix:/path, dns:///host:port.
  std::string tls_ca_file = {};           // Empty: the system's roots.
  std::string tls_certificate_file = {};  // The caller's own identity; with its key or not at all.
  std::string tls_private_key_file = {};
  std::string tls_server_name =
      {};  // The name the server's certificate must bear, when not the host.
};

}  // namespace token_service::client
