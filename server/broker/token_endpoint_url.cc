#include "server/broker/token_endpoint_url.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"
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

std::string OriginOf(std::string_view url) {
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return std::string(url);  // None, stored by hand.
  const size_t host_at = scheme_end + 3;
  const std::string_view authority =
      url.substr(host_at, std::min(url.find_first_of("/?", host_at), url.size()) - host_at);
  const size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  const bool https = absl::StartsWithIgnoreCase(AbslView(url), "https:");
  int port = https ? 443 : 80;
  if (has_port) (void)absl::SimpleAtoi(AbslView(authority.substr(colon + 1)), &port);
  const std::string host =
      absl::AsciiStrToLower(AbslView(authority.substr(0, has_port ? colon : authority.size())));
  return absl::StrCat(https ? "https://" : "http://", host, ":", port);
}

absl::Status CheckOrigin(std::string_view text) {
  if (absl::Status url = CheckTokenEndpoint(text); !url.ok()) return url;
  const size_t host_at = text.find("://") + 3;
  if (text.find_first_of("/?", host_at) == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError("an origin ends after the host or the port: no path");
}

}  // namespace token_service::broker
