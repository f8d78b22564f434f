#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/time/time.h"
#include "server/broker/provider_rules.h"
#include "server/broker/token_endpoint.h"

namespace token_service::oauth {

// What the body of an answer says (RFC 6749 sections 5.1 and 5.2): a token, an error, or neither.

// The provider's own word: well-formed (1 to 128 characters of section 5.2's set), but to be shown
// only when it is one of those we know.
struct ErrorCode {
  std::string code;
};

struct Unusable {
  std::string_view why;  // Constant text.
};

using TokenResponse = std::variant<broker::Granted, ErrorCode, Unusable>;

// The body decides, whatever its Content-Type. What cannot be done without is the tokens:
// - `access_token`: required, a string of 1 to 16384 characters of VSCHAR (RFC 6749 appendix A).
// - `refresh_token`: the same. Absent, null or empty: the old one goes on (providers that do not
// rotate send all three).
// - `expires_in_sec` or `expires_in`: seconds, as a number or a numeric string. Absent or without
//   sense: `expires_at` (told_lifetime.h), by the wall clock `now`; then the `exp` of an access
//   token that is a JWT; else absent. More than 100 years is 100 years.
// - `refresh_token_expires_in`, `x_refresh_token_expires_in`, `refresh_expires_in`,
//   `refresh_token_expires_at`: likewise of the refresh token.
// - `token_type`: `mac`, `DPoP` and `N_A` as they came; any other is handed out as `Bearer`, which
//   is what APIs want whose token endpoint says `bot` or `user`. `scope`: as it is. Neither can
//   make tokens worthless: a scope that is missing, no string, unprintable or too long counts as
//   the one that was asked for.
// - `error`: the answer is that error, whatever is beside it. Empty, null or no string: there is
// none.
// Of members that are there twice the last counts.
//
// A provider's rules say where else these stand, in which unit, and what else callers are given.
// Pure.
TokenResponse ParseTokenResponse(const broker::ResponseRules& rules, const Secret& body,
                                 absl::Time now);

// How long an answer says that a token lives, whether there is one in it or not.
std::optional<absl::Duration> ToldLifetime(const broker::ResponseRules& rules, const Secret& body,
                                           absl::Time now);

// What a token may be made of: see `access_token`.
bool IsToken(std::string_view text);

}  // namespace token_service::oauth
