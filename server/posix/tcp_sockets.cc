#include "server/posix/tcp_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/posix/file_error.h"

namespace token_service::posix {
namespace {

// The system holds it to net.core.somaxconn.
constexpr int kBacklog = 4096;
// As long as a ping is waited for: see GrpcListener. What a peer does not acknowledge ends its
// connection.
constexpr unsigned int kUserTimeoutMs = 20'000;
// The free port of one family may be taken in the other.
constexpr int kTries = 16;

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
};

std::string Shown(const std::string& host, int port) {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port)
                                             : absl::StrCat("[", host, "]:", port);
}

Place PlaceOf(const std::string& host, int port) {
  Place place;
  auto& ipv4 = reinterpret_cast<sockaddr_in&>(place.address);
  auto& ipv6 = reinterpret_cast<sockaddr_in6&>(place.address);
  if (inet_pton(AF_INET, host.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(static_cast<uint16_t>(port));
    place.size = sizeof(ipv4);
  } else if (inet_pton(AF_INET6, host.c_str(), &ipv6.sin6_addr) == 1) {
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(static_cast<uint16_t>(port));
    place.size = sizeof(ipv6);
  }
  return place;
}

// 0, or the errno.
int Listen(const Place& place, FileDescriptor& out) {
  const int family = place.address.ss_family;
  FileDescriptor fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6 && setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
    return errno;
  }
  // Connections inherit both.
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof(kUserTimeoutMs));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&place.address), place.size) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return errno;
  }
  out = std::move(fd);
  return 0;
}

int PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

absl::Status CannotListen(const std::string& host, int port, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", Shown(host, port), ": ", ErrorText(error)));
}

bool HasNoIpv6(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

absl::StatusOr<TcpSockets> ListenOnLocalhost(int port) {
  for (int i = 0;; ++i) {
    TcpSockets found;
    FileDescriptor& ipv4 = found.sockets.emplace_back();
    if (const int error = Listen(PlaceOf("127.0.0.1", port), ipv4); error != 0) {
      return CannotListen("127.0.0.1", port, error);
    }
    found.port = PortOf(ipv4.get());
    FileDescriptor ipv6;
    const int error = Listen(PlaceOf("::1", found.port), ipv6);
    if (error == 0) found.sockets.push_back(std::move(ipv6));
    if (error == 0 || HasNoIpv6(error)) return found;
    if (port != 0 || error != EADDRINUSE || i == kTries) {
      return CannotListen("::1", found.port, error);
    }
  }
}

}  // namespace

absl::StatusOr<TcpSockets> ListenOnTcp(const std::string& host, int port) {
  if (absl::EqualsIgnoreCase(host, "localhost")) return ListenOnLocalhost(port);
  TcpSockets found;
  FileDescriptor& fd = found.sockets.emplace_back();
  if (const int error = Listen(PlaceOf(host, port), fd); error != 0) {
    return CannotListen(host, port, error);
  }
  found.port = PortOf(fd.get());
  return found;
}

}  // namespace token_service::posix
