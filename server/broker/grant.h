#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/base/secret.h"

namespace token_service::broker {

// By what a credential gets its access tokens: a closed set.

// RFC 6749 section 6. What can be lost, and what all the care is for.
struct RefreshTokenGrant {
  friend bool operator==(const RefreshTokenGrant&, const RefreshTokenGrant&) = default;
};
// RFC 6749 section 4.4: the client's own authentication.
struct ClientCredentialsGrant {
  friend bool operator==(const ClientCredentialsGrant&, const ClientCredentialsGrant&) = default;
};
// RFC 7523 section 2.1: an assertion signed with the client's key, made anew each time.
struct JwtBearerGrant {
  std::string subject;   // `sub`; empty: the client_id.
  std::string audience;  // `aud`; empty: the token endpoint.

  friend bool operator==(const JwtBearerGrant&, const JwtBearerGrant&) = default;
};
using Grant = std::variant<RefreshTokenGrant, ClientCredentialsGrant, JwtBearerGrant>;

// `refresh_token`, `client_credentials`, `jwt_bearer`: as stored and as the API spells them.
std::string_view GrantName(const Grant& grant);
std::optional<Grant> GrantFromName(std::string_view name);

inline bool UsesRefreshToken(const Grant& grant) {
  return std::holds_alternative<RefreshTokenGrant>(grant);
}

// What one exchange presents. Points to what its caller keeps.
struct PresentRefreshToken {
  const Secret& refresh_token;
};
struct PresentClient {};
struct PresentAssertion {
  const JwtBearerGrant& grant;
};
using Presented = std::variant<PresentRefreshToken, PresentClient, PresentAssertion>;

// `refresh_token` is taken by RefreshTokenGrant alone.
Presented PresentedBy(const Grant& grant, const Secret& refresh_token);

// Empty: none is presented.
const Secret& RefreshTokenOf(const Presented& presented);

}  // namespace token_service::broker
