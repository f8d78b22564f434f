#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace token_service::broker {

// Whether credentials may be sent to this URL (RFC 6749 section 3.2): https, or http to a loopback
// host; a plain host, no user info, no fragment. INVALID_ARGUMENT says what is wrong, without the
// URL: it may hold a password.
absl::Status CheckTokenEndpoint(std::string_view url);

}  // namespace token_service::broker
