#include "server/broker/grant.h"

namespace token_service::broker {
namespace {

constexpr std::string_view kNames[] = {"refresh_token", "client_credentials", "jwt_bearer"};

}  // namespace

std::string_view GrantName(const Grant& grant) { return kNames[grant.index()]; }

std::optional<Grant> GrantFromName(std::string_view name) {
  if (name == kNames[0]) return RefreshTokenGrant{};
  if (name == kNames[1]) return ClientCredentialsGrant{};
  if (name == kNames[2]) return JwtBearerGrant{};
  return std::nullopt;
}

Presented PresentedBy(const Grant& grant, const Secret& refresh_token) {
  if (const auto* jwt = std::get_if<JwtBearerGrant>(&grant)) return PresentAssertion{*jwt};
  if (std::holds_alternative<ClientCredentialsGrant>(grant)) return PresentClient{};
  return PresentRefreshToken{refresh_token};
}

const Secret& RefreshTokenOf(const Presented& presented) {
  static const Secret& none = *new Secret;
  const auto* const one = std::get_if<PresentRefreshToken>(&presented);
  return one == nullptr ? none : one->refresh_token;
}

}  // namespace token_service::broker
