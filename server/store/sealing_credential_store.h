#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/store/current_sealer.h"
#include "server/store/key_ledger.h"
#include "server/store/keyring.h"
#include "server/store/token_hasher.h"

namespace token_service::store {

// Seals every secret on its way into another store and opens it on the way out: that one never sees
// a secret.
//
// A record that does not open comes out marked unreadable and without secrets, and an error in
// the log names the credential and the field; its row stays as it is, and Begin on it is
// FAILED_PRECONDITION.
//
// Tells the other store the hashes by which it remembers refresh tokens. Their key is a random one
// that is stored sealed, so that it outlives the keys of the keyring.
class SealingCredentialStore final : public broker::CredentialStore {
 public:
  using CredentialStore::Create;  // Of a credential; the store is made by the other one.

  // `ledger` is `inner`'s and lives as long. FAILED_PRECONDITION when something stored needs a key
  // that the keyring lacks, or has another under that id: see CheckKeys. Reads the whole store.
  static absl::StatusOr<std::unique_ptr<SealingCredentialStore>> Create(
      std::unique_ptr<broker::CredentialStore> inner, KeyLedger& ledger, Keyring keyring);

  // While others use the store: seals with the first key of `next` from now on. An error leaves the
  // keys as they were when `next` is no good (it lacks a key that is needed: FAILED_PRECONDITION;
  // it gives a loaded key's id to another key: INVALID_ARGUMENT). When only the record cannot be
  // written (UNAVAILABLE), all keys, new and old, are loaded until a later call works. One at a
  // time.
  absl::Status UseKeyring(Keyring next);

  bool shared() const override { return inner_->shared(); }
  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override;
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override;
  absl::Status Conclude(const broker::Conclusion& conclusion) override;
  absl::Status Quarantine(const broker::Evidence& evidence) override;

  absl::Status ForEach(absl::FunctionRef<void(broker::CredentialRecord)> visit) override;
  absl::StatusOr<broker::CredentialRecord> Load(std::string_view name) override;
  absl::StatusOr<broker::StoreChanges> ChangesSince(const std::string& cursor) override;
  absl::Status Apply(absl::Span<const broker::CredentialChange> changes,
                     absl::FunctionRef<void()> progress) override;
  absl::StatusOr<broker::TokenKnowledge> LookUp(std::string_view name, const Secret& refresh_token,
                                                bool from_file) override;
  absl::Status HoldAll() override;
  absl::Status Release(std::string_view name) override;
  absl::Status Delete(std::string_view name) override;
  absl::StatusOr<std::vector<broker::Evidence>> ListEvidence(std::string_view name) override;
  absl::Status SendCandidate(std::string_view name, std::string_view id,
                             const Secret& refresh_token) override;
  absl::Status MarkEvidence(std::string_view name, std::string_view id,
                            broker::EvidenceMark mark) override;
  absl::Status DiscardEvidence(std::string_view name, std::string_view id) override;
  absl::StatusOr<int64_t> CountEvidence(std::string_view name) override;

 private:
  SealingCredentialStore(std::unique_ptr<broker::CredentialStore> inner, KeyLedger& ledger,
                         Keyring keyring, Secret hash_key)
      : inner_(std::move(inner)),
        ledger_(ledger),
        hasher_(std::move(hash_key)),
        sealer_(std::move(keyring)) {}

  struct SealedChange {
    broker::CredentialChange change;
    uint64_t serial = 0;  // That the token of a ReplaceGrant is sealed for.
  };
  absl::StatusOr<SealedChange> Seal(const RecordSealer& sealer,
                                    const broker::CredentialChange& change);
  absl::StatusOr<SealedChange> Seal(const RecordSealer& sealer, const broker::ReplaceGrant& grant);
  absl::Status MakeReadable(const RecordSealer& sealer, const broker::ReplaceGrant& plain,
                            SealedChange written);

  const std::unique_ptr<broker::CredentialStore> inner_;
  KeyLedger& ledger_;
  const TokenHasher hasher_;
  CurrentSealer sealer_;
};

}  // namespace token_service::store
