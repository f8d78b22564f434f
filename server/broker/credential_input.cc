#include "server/broker/credential_input.h"

#include <algorithm>
#include <string_view>
#include <variant>

#include "server/broker/client_auth.h"
#include "server/broker/credential_name.h"
#include "server/broker/grant.h"
#include "server/broker/token_endpoint_url.h"

namespace token_service::broker {
namespace {

constexpr size_t kMaxSecret = 16 * 1024;
constexpr size_t kMaxText = 1024;
constexpr size_t kMaxUrl = 2048;

// VSCHAR of RFC 6749 appendix A.
bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

// NQCHAR: what a scope is made of, and the spaces between.
bool IsScope(std::string_view text) {
  return IsVisible(text) && text.find_first_of("\"\\") == std::string_view::npos;
}

// Any language, no line ends.
bool IsOneLine(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::optional<Refusal> CheckSecret(std::string_view field, const Secret& secret) {
  if (secret.empty()) return InvalidField(field, "is required");
  if (secret.size() > kMaxSecret) return InvalidField(field, "is longer than 16384 characters");
  if (!IsVisible(secret.Reveal())) {
    return InvalidField(field, "must be one line of printable ASCII");
  }
  return std::nullopt;
}

std::optional<Refusal> CheckClientAuth(const CredentialProfile& profile) {
  const std::optional<ClientAuth> auth = ClientAuthFromName(profile.client_auth);
  if (!auth.has_value()) {
    return InvalidField(
        "client_auth",
        "expected none, client_secret_post, client_secret_basic, client_secret_basic_raw or "
        "private_key_jwt");
  }
  if (TakesSecret(*auth)) return CheckSecret("client_secret", profile.client_secret);
  if (profile.client_secret.empty()) return std::nullopt;
  return InvalidField("client_secret",
                      *auth == ClientAuth::kNone
                          ? "client_auth is none, which has no use for it"
                          : "client_auth is private_key_jwt, which has no use for it");
}

}  // namespace

void ProfileChange::ApplyTo(CredentialProfile& profile) const {
  if (purpose.has_value()) profile.purpose = *purpose;
  if (client_id.has_value()) profile.client_id = *client_id;
  if (token_endpoint.has_value()) profile.token_endpoint = *token_endpoint;
  if (scope.has_value()) profile.scope = *scope;
  if (provider.has_value()) profile.provider = *provider;
  if (client_auth.has_value()) {
    profile.client_auth = *client_auth;
    const std::optional<ClientAuth> auth = ClientAuthFromName(*client_auth);
    if (auth.has_value() && !TakesSecret(*auth)) profile.client_secret = Secret();
  }
  if (client_secret.has_value()) profile.client_secret = client_secret->Copy();
}

std::vector<FieldChange> ChangesBetween(const CredentialProfile& before,
                                        const CredentialProfile& after, bool refresh_token) {
  std::vector<FieldChange> changes;
  const auto compare = [&changes](const char* field, const std::string& was,
                                  const std::string& is) {
    if (was != is) changes.push_back({.field = field, .values = {{.before = was, .after = is}}});
  };
  compare("purpose", before.purpose, after.purpose);
  compare("client_id", before.client_id, after.client_id);
  compare("token_endpoint", before.token_endpoint, after.token_endpoint);
  compare("scope", before.scope, after.scope);
  compare("provider", before.provider, after.provider);
  compare("grant", before.grant, after.grant);
  compare("client_auth", before.client_auth, after.client_auth);
  if (!(before.client_secret == after.client_secret)) changes.push_back({"client_secret", {}});
  if (refresh_token) changes.push_back({"refresh_token", {}});
  return changes;
}

std::optional<Refusal> CheckName(const std::string& name) {
  if (IsCredentialName(name)) return std::nullopt;
  return InvalidField("name", "not a name: [a-z0-9]([a-z0-9._-]{0,62})");
}

std::optional<Refusal> CheckRefreshToken(const Secret& refresh_token) {
  return CheckSecret("refresh_token", refresh_token);
}

std::optional<Refusal> CheckDestination(const CredentialProfile& before,
                                        const CredentialProfile& after,
                                        const ProfileChange& change) {
  const std::optional<ClientAuth> auth = ClientAuthFromName(after.client_auth);
  const bool signs = auth == ClientAuth::kPrivateKeyJwt ||
                     ClientAuthFromName(before.client_auth) == ClientAuth::kPrivateKeyJwt;
  std::string_view moves;
  if (OriginOf(before.token_endpoint) != OriginOf(after.token_endpoint)) {
    moves = "token_endpoint";
  } else if (before.provider != after.provider) {
    // Its rules say in which part of the request secrets stand, and beside what.
    moves = "provider";
  } else if (before.client_auth != after.client_auth) {
    moves = "client_auth";
  } else if (signs && before.client_id != after.client_id) {
    moves = "client_id";
  } else {
    return std::nullopt;
  }
  const std::optional<Grant> grant = GrantFromName(after.grant);
  const bool uses_token = !grant.has_value() || UsesRefreshToken(*grant);
  if (uses_token && !change.refresh_token.has_value()) {
    return SecretRequired("refresh_token", moves);
  }
  if (auth.has_value() && TakesSecret(*auth) && !change.client_secret.has_value()) {
    return SecretRequired("client_secret", moves);
  }
  return std::nullopt;
}

std::optional<Refusal> CheckProfile(const CredentialProfile& profile) {
  if (profile.purpose.size() > kMaxText || !IsOneLine(profile.purpose)) {
    return InvalidField("purpose", "must be one line of at most 1024 bytes");
  }
  if (profile.client_id.empty()) return InvalidField("client_id", "is required");
  if (profile.client_id.size() > kMaxText || !IsVisible(profile.client_id)) {
    return InvalidField("client_id", "must be at most 1024 characters of printable ASCII");
  }
  if (profile.token_endpoint.empty()) {
    return InvalidField("token_endpoint", "is required, here or in the configuration's defaults");
  }
  if (profile.token_endpoint.size() > kMaxUrl) {
    return InvalidField("token_endpoint", "is longer than 2048 characters");
  }
  if (const absl::Status url = CheckTokenEndpoint(profile.token_endpoint); !url.ok()) {
    const absl::string_view what = url.message();
    return InvalidField("token_endpoint", {what.data(), what.size()});
  }
  if (profile.scope.size() > kMaxText || !IsScope(profile.scope)) {
    return InvalidField("scope", "must be at most 1024 characters that a scope may have");
  }
  const std::optional<Grant> grant = GrantFromName(profile.grant);
  if (!grant.has_value()) {
    return InvalidField("grant", "expected refresh_token, client_credentials or jwt_bearer");
  }
  if (std::holds_alternative<ClientCredentialsGrant>(*grant) &&
      ClientAuthFromName(profile.client_auth) == ClientAuth::kNone) {
    return InvalidField("client_auth", "is none: client_credentials is nothing but the client's");
  }
  return CheckClientAuth(profile);
}

std::optional<Refusal> CheckRefreshToken(const CredentialProfile& profile,
                                         const Secret& refresh_token) {
  const std::optional<Grant> grant = GrantFromName(profile.grant);
  if (!grant.has_value() || UsesRefreshToken(*grant)) return CheckRefreshToken(refresh_token);
  if (refresh_token.empty()) return std::nullopt;
  return InvalidField("refresh_token",
                      "the credential's grant is another, which has no use for it");
}

}  // namespace token_service::broker
