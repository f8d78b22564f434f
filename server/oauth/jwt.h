#pragma once

#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace token_service::oauth {

// The `exp` claim of an access token that is a signed JWT (RFC 7519 section 4.1.4). The signature
// is not checked: the token came from the provider itself, and a wrong guess costs a refresh.
// Nullopt: not a JWT, or no such claim.
std::optional<absl::Time> JwtExpiry(std::string_view token);

}  // namespace token_service::oauth
