#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/posix/tcp_sockets.h"
#include "server/posix/unix_socket.h"

namespace token_service::posix {

// The listening sockets of one address: bound before there is anything to serve, so that an address
// that cannot be had costs nothing. Who connects waits until somebody accepts.
class ListeningSockets {
 public:
  // Errors as ListenOnTcp's.
  static absl::StatusOr<ListeningSockets> OnTcp(const std::string& host, int port);
  // Errors as UnixSocket::Take's.
  static absl::StatusOr<ListeningSockets> OnUnix(const std::string& path, mode_t mode);

  // As bound: `127.0.0.1:40001`, `[::1]:40001`, `unix:/run/x`.
  const std::string& address() const { return address_; }
  std::vector<int> descriptors() const;
  // Null: TCP.
  UnixSocket* unix_socket() { return unix_.get(); }

  // A unix socket can be reached from now on; a TCP socket can be anyway.
  absl::Status Publish();

 private:
  std::string address_;
  std::vector<FileDescriptor> tcp_;
  std::unique_ptr<UnixSocket> unix_;
};

}  // namespace token_service::posix
