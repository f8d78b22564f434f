#include "server/config/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "server/base/ip_host.h"

namespace token_service::app {
namespace {

constexpr std::string_view kUnix = "unix:";

constexpr std::string_view kLocalhost = "localhost";
constexpr std::string_view kAllOfIpv4 = "0.0.0.0";
constexpr std::string_view kAllOfIpv6 = "::";

absl::StatusOr<Address> ParseUnix(std::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("a path is missing after unix:");
  if (path.front() == '@') {
    return absl::InvalidArgumentError(
        "an abstract unix socket has no owner and no mode: whoever is on this machine could use it "
        "or take it; give a path (./@NAME for a file of that name)");
  }
  // `unix:///run/x` is gRPC's other spelling of unix:/run/x.
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  if (normal.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the path of a unix socket has at most %d characters", sizeof(sockaddr_un::sun_path) - 1));
  }
  return UnixAddress{normal};
}

// An address of IPv4 that is written as one of IPv6 is itself.
std::string CanonicalIpv6(const std::string& host) {
  in6_addr address{};
  inet_pton(AF_INET6, host.c_str(), &address);
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    return inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof(text));
  }
  return inet_ntop(AF_INET6, &address, text, sizeof(text));
}

bool IsIpv6(std::string_view host) { return host.find(':') != std::string_view::npos; }

std::vector<std::string_view> HostsOf(const TcpAddress& address) {
  if (address.host == kLocalhost) return {"127.0.0.1", "::1"};
  return {address.host};
}

bool HostsCollide(std::string_view a, std::string_view b) {
  if (IsIpv6(a) != IsIpv6(b)) return false;
  const std::string_view all = IsIpv6(a) ? kAllOfIpv6 : kAllOfIpv4;
  return a == b || a == all || b == all;
}

}  // namespace

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  if (text.starts_with(kUnix)) return ParseUnix(text.substr(kUnix.size()));

  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return absl::InvalidArgumentError("expected HOST:PORT, [IPV6]:PORT or unix:PATH");
  }
  std::string host(text.substr(0, colon));
  const std::string port_text(text.substr(colon + 1));
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) {
    return absl::InvalidArgumentError(
        "a host is missing before the port (0.0.0.0 for all of IPv4, [::] for all of IPv6)");
  }
  if (!bracketed && IsIpv6Address(text)) {
    return absl::InvalidArgumentError("an IPv6 address goes in brackets: [IPV6]:PORT");
  }
  const bool known = bracketed ? IsIpv6Address(host)
                               : IsIpv4Address(host) || absl::EqualsIgnoreCase(host, "localhost");
  if (!known) {
    return absl::InvalidArgumentError("the host must be an IP address or localhost");
  }
  int port = 0;
  const bool digits = !port_text.empty() && port_text.size() <= 5 &&
                      port_text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || !absl::SimpleAtoi(port_text, &port) || port > 65535) {
    return absl::InvalidArgumentError("the port must be a number from 0 to 65535");
  }
  if (bracketed) host = CanonicalIpv6(host);
  if (absl::EqualsIgnoreCase(host, "localhost")) host = kLocalhost;
  return TcpAddress{host, port};
}

std::string FormatAddress(const Address& address) {
  if (const auto* unix_socket = std::get_if<UnixAddress>(&address)) {
    return std::string(kUnix) + unix_socket->path;
  }
  const auto& tcp = std::get<TcpAddress>(address);
  const bool ipv6 = tcp.host.find(':') != std::string::npos;
  return ipv6 ? absl::StrFormat("[%s]:%d", tcp.host, tcp.port)
              : absl::StrFormat("%s:%d", tcp.host, tcp.port);
}

bool Collide(const Address& a, const Address& b) {
  if (a.index() != b.index()) return false;
  if (std::holds_alternative<UnixAddress>(a)) return a == b;
  const auto& one = std::get<TcpAddress>(a);
  const auto& other = std::get<TcpAddress>(b);
  if (one.port != other.port || one.port == 0) return false;
  for (const std::string_view host : HostsOf(one)) {
    const auto others = HostsOf(other);
    if (std::any_of(others.begin(), others.end(),
                    [&](std::string_view each) { return HostsCollide(host, each); })) {
      return true;
    }
  }
  return false;
}

bool IsLocal(const Address& address) {
  const auto* tcp = std::get_if<TcpAddress>(&address);
  return tcp == nullptr || IsLoopbackHost(tcp->host);
}

}  // namespace token_service::app
