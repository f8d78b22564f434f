#include "server/net/last_heard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

namespace token_service::net {
namespace {

thread_local int t_heard = -1;

}  // namespace

void NoteHeard(int fd) { t_heard = fd; }

std::string PeerHeardLast() {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (t_heard < 0 || getpeername(t_heard, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return "";
  }
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &ipv4.sin_addr, text, sizeof(text));
    return "ipv4:" + std::string(text) + ":" + std::to_string(ntohs(ipv4.sin_port));
  }
  if (address.ss_family != AF_INET6) return "";
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
  inet_ntop(AF_INET6, &ipv6.sin6_addr, text, sizeof(text));
  return "ipv6:[" + std::string(text) + "]:" + std::to_string(ntohs(ipv6.sin6_port));
}

}  // namespace token_service::net
