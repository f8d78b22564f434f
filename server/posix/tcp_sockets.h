#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/posix/file_descriptor.h"

namespace token_service::posix {

// Listening sockets of one host and port, non-blocking. Who connects waits until somebody accepts.
struct TcpSockets {
  std::vector<FileDescriptor> sockets;
  int port = 0;  // As bound.
};

// An address means itself: `0.0.0.0` is every address of IPv4 and none of IPv6, `::` the other way
// round. `localhost` is 127.0.0.1 and, where the machine has it, ::1 on the same port. `host` is an
// IP address without brackets or localhost; port 0: any free one. UNAVAILABLE: `cannot listen on
// HOST:PORT: ` and the system's word for the cause.
absl::StatusOr<TcpSockets> ListenOnTcp(const std::string& host, int port);

}  // namespace token_service::posix
