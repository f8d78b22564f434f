#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace token_service::broker {

// Whether credentials may be sent to this URL (RFC 6749 section 3.2): https, or http to a loopback
// host; a plain host, no user info, no fragment. INVALID_ARGUMENT says what is wrong, without the
// URL: it may hold a password.
absl::Status CheckTokenEndpoint(std::string_view url);

// `scheme://host:port` of a URL that CheckTokenEndpoint passes, for comparing: in lower case, the
// port always there. Two that are the same are the same place; two that are not may still be (a dot
// at the end, an address written another way), and count as two.
std::string OriginOf(std::string_view url);

// Whether it is the origin of a token endpoint and no more: `https://host`, `https://host:port`,
// the same with http for a loopback host. INVALID_ARGUMENT as above.
absl::Status CheckOrigin(std::string_view text);

}  // namespace token_service::broker
