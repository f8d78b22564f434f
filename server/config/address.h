#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"

namespace token_service::app {

struct TcpAddress {
  std::string host;  // An IP address without brackets, or `localhost`.
  int port = 0;      // 0: any free one.

  friend bool operator==(const TcpAddress&, const TcpAddress&) = default;
};

struct UnixAddress {
  std::string path;

  friend bool operator==(const UnixAddress&, const UnixAddress&) = default;
};

// Where a server listens.
using Address = std::variant<TcpAddress, UnixAddress>;

// `127.0.0.1:8443`, `[::1]:8443`, `localhost:8443`, `unix:/path`, `unix:path`, each in one spelling
// afterwards: `[0:0::1]` is ::1, `[::ffff:127.0.0.1]` 127.0.0.1, `LOCALHOST` localhost. An abstract
// unix socket (`unix:@x`) is none: nobody owns it, and it has no mode. INVALID_ARGUMENT says what
// is wrong in a few words, without the text.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// As gRPC's AddListeningPort takes it. ParseAddress reads it back.
std::string FormatAddress(const Address& address);

// Whether a process cannot listen on both. An address means itself: `0.0.0.0` is every address of
// IPv4, `::` of IPv6, and localhost is 127.0.0.1 and ::1. Port 0 is never another's.
bool Collide(const Address& a, const Address& b);

// Nothing leaves the machine: a loopback host or a unix socket.
bool IsLocal(const Address& address);

}  // namespace token_service::app
