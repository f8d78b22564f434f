#include "server/app/config/address.h"

#include <sys/un.h>

#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "server/base/ip_host.h"

namespace token_service::app {
namespace {

constexpr std::string_view kUnix = "unix:";

absl::StatusOr<Address> ParseUnix(std::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("a path is missing after unix:");
  // `unix:///run/x` is gRPC's other spelling of unix:/run/x.
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  if (normal.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the path of a unix socket has at most %d characters", sizeof(sockaddr_un::sun_path) - 1));
  }
  return UnixAddress{normal};
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
        "a host is missing before the port (0.0.0.0 or [::] for all)");
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

bool IsLocal(const Address& address) {
  const auto* tcp = std::get_if<TcpAddress>(&address);
  return tcp == nullptr || IsLoopbackHost(tcp->host);
}

}  // namespace token_service::app
