#include "server/posix/listening_sockets.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace token_service::posix {

absl::StatusOr<ListeningSockets> ListeningSockets::OnTcp(const std::string& host, int port) {
  absl::StatusOr<TcpSockets> bound = ListenOnTcp(host, port);
  if (!bound.ok()) return bound.status();
  ListeningSockets sockets;
  const bool ipv6 = host.find(':') != std::string::npos;
  sockets.address_ =
      ipv6 ? absl::StrCat("[", host, "]:", bound->port) : absl::StrCat(host, ":", bound->port);
  sockets.tcp_ = std::move(bound->sockets);
  return sockets;
}

absl::StatusOr<ListeningSockets> ListeningSockets::OnUnix(const std::string& path, mode_t mode) {
  absl::StatusOr<std::unique_ptr<UnixSocket>> taken = UnixSocket::Take(path, mode);
  if (!taken.ok()) return taken.status();
  ListeningSockets sockets;
  sockets.address_ = absl::StrCat("unix:", path);
  sockets.unix_ = *std::move(taken);
  return sockets;
}

std::vector<int> ListeningSockets::descriptors() const {
  if (unix_ != nullptr) return {unix_->fd()};
  std::vector<int> all;
  all.reserve(tcp_.size());
  for (const FileDescriptor& socket : tcp_) all.push_back(socket.get());
  return all;
}

absl::Status ListeningSockets::Publish() {
  return unix_ == nullptr ? absl::OkStatus() : unix_->Publish();
}

}  // namespace token_service::posix
