#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/broker/credential.h"
#include "server/broker/credential_record.h"

namespace token_service::broker {

// What the configuration says of credentials. Any thread; nothing blocks.
class SettingsSource {
 public:
  virtual ~SettingsSource() = default;

  // The settings of what is stored: as declared, or, of a credential made by RPC, as stored on top
  // of the defaults.
  virtual CredentialSettingsPtr SettingsOf(const CredentialRecord& record) const = 0;

  // Whether the configuration declares this credential now.
  virtual bool Declares(std::string_view name) const = 0;

  // For a credential made by RPC that names none; perhaps empty.
  struct ProfileDefaults {
    std::string token_endpoint;
    std::string scope;
    std::string client_auth;
  };
  // `provider`: whose rules it has; empty: the defaults'. Nullopt: there is no such provider.
  virtual std::optional<ProfileDefaults> DefaultsFor(std::string_view provider) const = 0;

  // Whether a credential made by RPC may send secrets to that origin (see OriginOf).
  virtual bool PermitsOrigin(std::string_view origin) const = 0;

  // Whether what a provider's rules have of secrets may be shown at this token endpoint by a
  // credential made by RPC. They are not, otherwise.
  virtual bool SecretsGoTo(std::string_view provider, std::string_view token_endpoint) const = 0;

  // Whether a credential made by RPC has a key to sign with, for private_key_jwt, at this token
  // endpoint: the configuration's key signs for the endpoint that it was configured for, no other.
  virtual bool HasDefaultClientKey(std::string_view token_endpoint) const = 0;
};

}  // namespace token_service::broker
