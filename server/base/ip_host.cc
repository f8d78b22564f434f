#include "server/base/ip_host.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/match.h"
#include "server/base/absl_view.h"

namespace token_service {
namespace {

// inet_pton reads as far as the first NUL: what comes after it must not be forgotten.
bool Parses(int family, std::string_view host, void* address) {
  return host.find('\0') == std::string_view::npos &&
         inet_pton(family, std::string(host).c_str(), address) == 1;
}

}  // namespace

bool IsIpv4Address(std::string_view host) {
  in_addr address{};
  return Parses(AF_INET, host, &address);
}

bool IsIpv6Address(std::string_view host) {
  in6_addr address{};
  return Parses(AF_INET6, host, &address);
}

bool IsLoopbackHost(std::string_view host) {
  if (absl::EqualsIgnoreCase(AbslView(host), "localhost")) return true;
  in_addr ipv4{};
  if (Parses(AF_INET, host, &ipv4)) return (ntohl(ipv4.s_addr) >> 24) == 127;
  in6_addr ipv6{};
  return Parses(AF_INET6, host, &ipv6) && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

}  // namespace token_service
