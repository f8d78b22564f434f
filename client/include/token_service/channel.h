#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "token_service/channel_options.h"

namespace token_service::client {

// Makes a channel without connecting it. Reads the files once. Plaintext to loopback and unix
// sockets unless a tls_ option is given, TLS everywhere else. INVALID_ARGUMENT names the option
// that is wrong: an unreadable file, a half of a pair.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(const ChannelOptions& options);

// Whether bytes sent to this gRPC target stay on the machine: 127.0.0.0/8, ::1, localhost, unix
// sockets.
bool IsLocalTarget(std::string_view target);

}  // namespace token_service::client
