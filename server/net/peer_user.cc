#include "server/net/peer_user.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace token_service::net {

std::optional<uint32_t> UserOf(std::string_view peer) {
  constexpr std::string_view kBegin = "ipv4:";
  constexpr std::string_view kEnd = ":0";
  if (!peer.starts_with(kBegin) || !peer.ends_with(kEnd)) return std::nullopt;
  peer.remove_prefix(kBegin.size());
  peer.remove_suffix(kEnd.size());
  in_addr address{};
  if (inet_pton(AF_INET, std::string(peer).c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

}  // namespace token_service::net

// Instead of the C library's, for this whole program; gRPC is who calls it.
extern "C" int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  const socklen_t room = length == nullptr ? 0 : *length;
  const auto found = static_cast<int>(syscall(SYS_getpeername, fd, address, length));
  if (found != 0 || room < sizeof(sockaddr_in) || address->sa_family != AF_UNIX) return found;
  ucred user{};
  socklen_t size = sizeof(user);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0) return found;
  sockaddr_in named{};
  named.sin_family = AF_INET;
  named.sin_addr.s_addr = htonl(user.uid);
  std::memcpy(address, &named, sizeof(named));
  *length = sizeof(named);
  return found;
}
