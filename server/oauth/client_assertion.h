#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/secret.h"
#include "server/broker/credential.h"

namespace token_service::oauth {

// How long an assertion may be used: longer than any request is on its way, with room for a
// provider whose clock is somewhat ahead.
inline constexpr absl::Duration kAssertionLifetime = absl::Minutes(2);

// The assertion by which the client of `settings` proves itself (RFC 7523 section 3, OpenID Connect
// Core section 9): signed with its client_key, issued `now`. `jti` must never have been used. A
// bearer token while it lives, hence a Secret. INVALID_ARGUMENT: no key that can sign.
absl::StatusOr<Secret> MakeClientAssertion(const broker::CredentialSettings& settings,
                                           std::string_view jti, absl::Time now);

// The assertion that is exchanged for an access token (RFC 7523 section 2.1): signed with the same
// key, of the subject and for the audience that the grant names.
absl::StatusOr<Secret> MakeGrantAssertion(const broker::CredentialSettings& settings,
                                          const broker::JwtBearerGrant& grant, std::string_view jti,
                                          absl::Time now);

}  // namespace token_service::oauth
