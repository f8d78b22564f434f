#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/app/declaration_plan.h"
#include "server/app/declarations.h"
#include "server/base/clock.h"
#include "server/broker/credential.h"
#include "server/broker/credential_store.h"
#include "server/broker/settings_source.h"
#include "server/config/config.h"

namespace token_service::app {

// Brings the store in line with the credentials that the configuration declares, and gives each
// stored credential its settings. What is not of SettingsSource blocks; one thread at a time.
class CredentialCatalog final : public broker::SettingsSource {
 public:
  CredentialCatalog(broker::CredentialStore& store, const Clock& clock)
      : store_(store), clock_(clock) {}

  // From now on they are what is declared: PlanChanges, in one transaction of the store. An error
  // leaves everything as it was, in the store too; CheckTokens has its own. Calls `progress` now
  // and then, perhaps on another thread.
  struct Taken {
    std::vector<broker::CredentialRecord> stored;  // All there is now, without refresh tokens.
    std::vector<std::string> adopted;              // Have another refresh token now.
  };
  absl::StatusOr<Taken> PutInForce(Declarations next, absl::FunctionRef<void()> progress);

  // Brings the store what a file holds by now. True: it is the refresh token from now on.
  absl::StatusOr<bool> AdoptFromFile(const std::string& name, const Secret& refresh_token);

  broker::CredentialSettingsPtr SettingsOf(const broker::CredentialRecord& record) const override;
  bool Declares(std::string_view name) const override;
  std::optional<ProfileDefaults> DefaultsFor(std::string_view provider) const override;
  bool PermitsOrigin(std::string_view origin) const override;
  bool SecretsGoTo(std::string_view provider, std::string_view token_endpoint) const override;
  bool HasDefaultClientKey(std::string_view token_endpoint) const override;

 private:
  absl::StatusOr<StoredCredentials> ReadStored(const Declarations& next,
                                               absl::FunctionRef<void()> progress);
  std::shared_ptr<const Declarations> InForce() const;

  broker::CredentialStore& store_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Declarations> in_force_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<const Declarations>();
};

}  // namespace token_service::app
