#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
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
  CredentialCatalog(broker::CredentialStore& store, const Clock& clock)
      : store_(store), clock_(clock) {}

  // What a configuration says of credentials, and what is in the files that it names for them.
  struct Declared {
    broker::CredentialSettingsPtr settings;
    absl::StatusOr<Secret> refresh_token;
    bool stored = false;
  };
  struct Declarations {
    CredentialDefaults defaults;
    Secret default_key;                          // PEM; empty: none.
    std::set<std::string, std::less<>> origins;  // Of credentials made by RPC: see OriginOf.
    std::map<std::string, Declared, std::less<>> credentials;
  };
  // Of files alone. INVALID_ARGUMENT: one that is needed whatever is stored cannot be used; one
  // line. What is wrong with a refresh token's is in its place.
  static absl::StatusOr<Declarations> ReadFiles(const ServerConfig& config);
  // INVALID_ARGUMENT: the refresh token of one that is not stored cannot be used. What the store
  // holds needs none any more: its file may be gone.
  static absl::Status CheckTokens(const ServerConfig& config, const Declarations& read);
  // What is stored already, and CheckTokens. Changes nothing but `read`.
  absl::Status CompareWithStore(const ServerConfig& config, Declarations& read);

  // From now on they are what is declared: creates what is not stored, adopts refresh tokens whose
  // file changed, disables what is declared no more. An error of the store leaves what was declared
  // before in force.
  struct Taken {
    std::vector<broker::CredentialRecord> stored;  // All there is now.
    std::vector<std::string> adopted;              // Have another refresh token now.
  };
  absl::StatusOr<Taken> PutInForce(Declarations next);

  // Takes a refresh token over from its file. The store's own, rotated token is never overwritten
  // by a file that says what it said before. True: it was news.
  absl::StatusOr<bool> AdoptFromFile(const std::string& name, const Secret& refresh_token);

  broker::CredentialSettingsPtr SettingsOf(const broker::CredentialRecord& record) const override;
  bool Declares(std::string_view name) const override;
  std::string DefaultTokenEndpoint() const override;
  std::string DefaultScope() const override;
  bool PermitsOrigin(std::string_view origin) const override;
  bool HasDefaultClientKey(std::string_view token_endpoint) const override;

 private:
  absl::Status CreateAll(const Declarations& next, std::vector<std::string>& created);
  absl::StatusOr<Taken> Align(const Declarations& next);
  absl::Status AlignOne(const std::string& name, const Declared& declared, Taken& taken);
  std::shared_ptr<const Declarations> InForce() const;

  broker::CredentialStore& store_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Declarations> in_force_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<const Declarations>();
};

}  // namespace token_service::app
