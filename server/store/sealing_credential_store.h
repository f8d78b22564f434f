#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/store/record_sealer.h"
#include "server/store/sealer.h"

namespace token_service::store {

// Seals every secret on its way into another store and opens it on the way out: that one never sees
// a secret.
//
// A record that does not open comes out with standing kUnreadable and no secrets, and an error in
// the log names the credential and the field; its row stays as it is, and Begin on it is
// FAILED_PRECONDITION.
class SealingCredentialStore final : public broker::CredentialStore {
 public:
  // FAILED_PRECONDITION when a record in `inner` is sealed with a key that is not in the keyring;
  // names the key and says how many credentials need it. Reads the whole store.
  static absl::StatusOr<std::unique_ptr<SealingCredentialStore>> Create(
      std::unique_ptr<broker::CredentialStore> inner, Keyring keyring);

  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override;
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override;
  absl::Status Conclude(const broker::Conclusion& conclusion) override;
  absl::Status Quarantine(const broker::Evidence& evidence) override;

  absl::Status ForEach(absl::FunctionRef<void(broker::CredentialRecord)> visit) override;
  absl::StatusOr<broker::CredentialRecord> Load(std::string_view name) override;
  absl::Status Create(const broker::CredentialRecord& record) override;
  absl::Status UpdateProfile(std::string_view name,
                             const broker::CredentialProfile& profile) override;
  absl::Status ReplaceRefreshToken(std::string_view name, const Secret& refresh_token,
                                   bool from_file) override;
  absl::Status SetStanding(std::string_view name, broker::Standing standing) override;
  absl::Status Delete(std::string_view name) override;
  absl::StatusOr<int64_t> CountEvidence(std::string_view name) override;

 private:
  SealingCredentialStore(std::unique_ptr<broker::CredentialStore> inner, Keyring keyring)
      : inner_(std::move(inner)), sealer_(std::move(keyring)) {}

  absl::Status CheckKeys();

  const std::unique_ptr<broker::CredentialStore> inner_;
  const RecordSealer sealer_;
};

}  // namespace token_service::store
