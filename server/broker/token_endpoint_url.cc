#include "server/broker/token_endpoint_url.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "server/base/ip_host.h"

namespace token_service::broker {
namespace {

bool IsPort(std::string_view text) {
  int port = 0;
  return text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos &&
         absl::SimpleAtoi(std::string(text), &port) && port >= 1 && port <= 65535;
}

// Narrower than RFC 3986, so that no other parser can see another host in it.
bool IsHostName(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

absl::Status CheckTokenEndpoint(std::string_view url) {
  const auto invalid = [](const char* what) { return absl::InvalidArgumentError(what); };
  const bool graphic = std::all_of(url.begin(), url.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '\\';
  });
  if (!graphic) return invalid("a URL holds no spaces, backslashes or characters beyond ASCII");

  const size_t scheme_end = url.find("://");
  const std::string scheme(url.substr(0, std::min(scheme_end, url.size())));
  const bool https = absl::EqualsIgnoreCase(scheme, "https");
  const bool http = absl::EqualsIgnoreCase(scheme, "http");
  if (scheme_end == std::string_view::npos || (!https && !http)) {
    return invalid("expected an https URL");
  }
  if (url.find('#') != std::string_view::npos) return invalid("a fragment (#…) is not allowed");

  std::string_view host = url.substr(scheme_end + 3);
  host = host.substr(0, host.find_first_of("/?"));
  if (host.find('@') != std::string_view::npos) {
    return invalid("a user name or password in the URL is not allowed");
  }
  std::string_view port;
  const size_t port_colon = host.rfind(':');
  if (port_colon != std::string_view::npos &&
      host.find(']', port_colon) == std::string_view::npos) {
    port = host.substr(port_colon + 1);
    host = host.substr(0, port_colon);
    if (!IsPort(port)) return invalid("the port must be a number from 1 to 65535");
  }
  if (host.empty()) return invalid("the URL has no host");
  bool valid_host = IsHostName(host);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    valid_host = IsIpv6Address(host);
  }
  if (!valid_host) return invalid("the URL's host is not a name or an IP address");
  if (http && !IsLoopbackHost(host)) {
    return invalid("expected https (http is for a loopback host only)");
  }
  return absl::OkStatus();
}

}  // namespace token_service::broker
