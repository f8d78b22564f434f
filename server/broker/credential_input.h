#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/base/secret.h"
#include "server/broker/credential_record.h"
#include "server/broker/credential_status.h"
#include "server/broker/reason.h"

namespace token_service::broker {

// A credential as an operator gives it.
struct NewCredential {
  std::string name;
  // Empty token_endpoint and scope: the configuration's defaults. Empty client_auth: `none`.
  CredentialProfile profile;
  Secret refresh_token;
};

// What an operator changes of a credential; absent: stays.
struct ProfileChange {
  std::optional<std::string> purpose;
  std::optional<std::string> client_id;
  std::optional<std::string> token_endpoint;  // Empty: the configuration's default.
  std::optional<std::string> scope;
  std::optional<std::string> provider;
  std::optional<std::string> client_auth;  // One that takes no client secret forgets it.
  std::optional<Secret> client_secret;
  std::optional<Secret> refresh_token;  // No part of the profile: a new grant.

  void ApplyTo(CredentialProfile& profile) const;
};

// What is different, in the order of the fields; secrets by name alone. `refresh_token`: there is
// another.
std::vector<FieldChange> ChangesBetween(const CredentialProfile& before,
                                        const CredentialProfile& after, bool refresh_token);

// The first field that is wrong, as a refusal that names it (Refusal::field) and quotes nothing.
std::optional<Refusal> CheckName(const std::string& name);
// RFC 6749 appendix A: 1 to 16384 characters of VSCHAR.
std::optional<Refusal> CheckRefreshToken(const Secret& refresh_token);
// The same, or that there is none where the profile's grant has no use for one.
std::optional<Refusal> CheckRefreshToken(const CredentialProfile& profile,
                                         const Secret& refresh_token);
// Whoever may change a credential has not seen its secrets, and must not get to see them: a change
// of where one goes, or of whom it speaks for there, brings the secret with it. kSecretRequired,
// with the field that is missing.
std::optional<Refusal> CheckDestination(const CredentialProfile& before,
                                        const CredentialProfile& after,
                                        const ProfileChange& change);
// Of private_key_jwt only the name: the key is the configuration's.
std::optional<Refusal> CheckProfile(const CredentialProfile& profile);

}  // namespace token_service::broker
