#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/broker/credential.h"
#include "server/broker/provider_rules.h"

namespace token_service::app {

// What is known of a provider: its rules, and what it says of a credential's settings where the
// credential itself does not.
struct ProviderDeclaration {
  broker::ProviderRulesPtr rules;  // Without the secrets that are in files.
  std::string title;
  std::vector<std::string> documentation;
  std::string token_endpoint;  // Checked; empty: the credential's or the defaults'.
  std::string authorization_endpoint;
  std::string device_authorization_endpoint;
  std::string revocation_endpoint;
  std::string issuer;
  std::optional<broker::ClientAuth> client_auth;
  std::optional<absl::Duration> refresh_before;
  std::optional<absl::Duration> replay_window;
  std::optional<absl::Duration> exchange_timeout;
  std::optional<absl::Duration> refresh_token_lifetime;
  int concurrency = 0;  // 0: any.

  using SecretFiles = std::vector<std::pair<std::string, std::string>>;  // Name, file.
  SecretFiles secret_headers;
  SecretFiles secret_parameters;

  // Puts it in the place of the defaults.
  void ApplyTo(broker::CredentialSettings& settings) const;
};

using ProviderDeclarationPtr = std::shared_ptr<const ProviderDeclaration>;
using ProviderDeclarations = std::map<std::string, ProviderDeclarationPtr, std::less<>>;

// The configuration's own, else the built-in one. Null: there is none of this name. Any thread.
ProviderDeclarationPtr FindProvider(const ProviderDeclarations& own, std::string_view name);

// The one of `own` and of the built-in ones that is spelled most like it. Empty: none is.
std::string NearestProvider(const ProviderDeclarations& own, std::string_view name);

}  // namespace token_service::app
