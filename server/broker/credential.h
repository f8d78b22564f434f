#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/base/secret.h"
#include "server/broker/grant.h"
#include "server/broker/provider_rules.h"

namespace token_service::broker {

enum class RefreshMode {
  kEager,     // Always kept fresh.
  kOnDemand,  // Left alone when nobody asked during `idle_after`, but for `keepalive`.
};

// How the client proves itself to the token endpoint (RFC 6749 section 2.3, RFC 7523 section 2.2).
enum class ClientAuth {
  kNone,
  kClientSecretPost,
  kClientSecretBasic,
  kClientSecretBasicRaw,  // client_secret_basic without the form-encoding that the RFC wants.
  kPrivateKeyJwt
};

// What a client signs its assertions with.
struct ClientKey {
  Secret pem;             // Checked: a private key that can sign. Empty: none.
  std::string key_id;     // `kid`; empty: not sent.
  std::string algorithm;  // RS256, PS256, ES256; empty: as the key's type has it.
  std::string audience;   // `aud`; empty: the token endpoint.

  ClientKey Copy() const { return {pem.Copy(), key_id, algorithm, audience}; }

  friend bool operator==(const ClientKey&, const ClientKey&) = default;
};

// What the operator decided about a credential. Immutable; a change makes a new one.
struct CredentialSettings {
  std::string name;     // [a-z0-9]([a-z0-9._-]{0,62})
  std::string purpose;  // For people.
  std::string client_id;
  std::string token_endpoint;  // Checked: https, or http to a loopback host.
  std::string scope;           // Sent when not empty (RFC 6749 section 6).
  ClientAuth client_auth = ClientAuth::kNone;
  Grant grant;
  ProviderRulesPtr provider;  // What its token endpoint does otherwise than RFC 6749.
  // For client_secret_*: one, or several while one is being replaced, in the order they are tried.
  std::vector<Secret> client_secrets;
  ClientKey client_key;  // For private_key_jwt.
  std::string ca_file;   // PEM; empty: the system's roots.
  std::vector<std::pair<std::string, std::string>> extra_parameters;
  std::vector<std::string> dead_grant_errors;  // Besides the standard ones.
  RefreshMode refresh = RefreshMode::kEager;
  absl::Duration assumed_lifetime = absl::Seconds(300);
  absl::Duration min_refresh_interval = absl::Seconds(10);
  absl::Duration replay_window = absl::Seconds(10);
  absl::Duration idle_after = absl::Hours(24);
  absl::Duration keepalive = absl::Hours(168);
  // How long before a token's end it is refreshed. Zero: at 80 % of its life.
  absl::Duration refresh_before;
  absl::Duration exchange_timeout =
      absl::InfiniteDuration();  // The service's own, if that is less.
  // Of a refresh token whose provider does not tell. Infinite: not known.
  absl::Duration refresh_token_lifetime = absl::InfiniteDuration();
  int concurrency = 0;  // Exchanges at once for its client_id at this provider. 0: any.
  bool managed_by_config = false;

  CredentialSettings Copy() const;

  friend bool operator==(const CredentialSettings&, const CredentialSettings&) = default;
};

using CredentialSettingsPtr = std::shared_ptr<const CredentialSettings>;

}  // namespace token_service::broker
