#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/app/config/config.h"
#include "server/base/clock.h"
#include "server/broker/credential.h"
#include "server/broker/credential_store.h"
#include "server/broker/settings_source.h"

namespace token_service::app {

// Brings the store in line with the credentials that the configuration declares, and gives each
// stored credential its settings. What is not of SettingsSource blocks; one thread at a time.
class CredentialCatalog final : public broker::SettingsSource {
 public:
  CredentialCatalog(const ServerConfig& config, broker::CredentialStore& store, const Clock& clock);

  // Creates what is declared and not stored, adopts token files that changed, disables what is
  // declared no more. INVALID_ARGUMENT: a file that the configuration names cannot be used; one
  // line. Other codes: the store's.
  absl::Status Reconcile();

  broker::CredentialSettingsPtr SettingsOf(const broker::CredentialRecord& record) const override;
  bool Declares(std::string_view name) const override { return declared_.contains(name); }
  std::string DefaultTokenEndpoint() const override { return config_.defaults.token_endpoint; }
  std::string DefaultScope() const override { return config_.defaults.scope; }
  bool HasDefaultClientKey() const override { return !default_key_.empty(); }

  // Takes a refresh token over from its file. The store's own, rotated token is never overwritten
  // by a file that says what it said before. True: it was news.
  absl::StatusOr<bool> AdoptFromFile(const std::string& name, const Secret& refresh_token);

 private:
  absl::Status Declare(const DeclaredCredential& declared);
  // The client's secrets or its key, from their files.
  absl::Status ReadProof(const DeclaredCredential& declared, broker::CredentialSettings& settings);
  absl::StatusOr<Secret> KeyOf(const std::string& path, const std::string& algorithm);
  absl::Status CreateFromFile(const DeclaredCredential& declared);
  std::string WhereIs(const std::string& path) const;

  const ServerConfig& config_;
  broker::CredentialStore& store_;
  const Clock& clock_;
  std::map<std::string, broker::CredentialSettingsPtr, std::less<>> declared_;
  Secret default_key_;  // PEM; empty: none.
  // By path and algorithm: many credentials share one, and trying it out takes a while.
  std::map<std::pair<std::string, std::string>, Secret> keys_;
};

}  // namespace token_service::app
