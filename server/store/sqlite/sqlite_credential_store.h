#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/broker/credential_store.h"
#include "server/store/sealing/current_sealer.h"
#include "server/store/sealing/keyring.h"
#include "server/store/sealing/token_hasher.h"
#include "server/store/sqlite/sqlite_database.h"
#include "server/store/transitions.h"

namespace token_service::store {

// Credentials in an SQLite file, their secrets sealed: the file never holds one. A row is opened
// and sealed within the transaction that reads and writes it (docs/adr/0041-sealing-is-a-codec.md).
//
// A record that does not open comes out marked unreadable and without secrets, and an error in
// the log names the credential and the field; its row stays as it is, and what would change it is
// FAILED_PRECONDITION.
//
// Refresh tokens are remembered by hashes. Their key is a random one that is stored sealed, so that
// it outlives the keys of the keyring.
class SqliteCredentialStore final : public broker::CredentialStore {
 public:
  // FAILED_PRECONDITION when something stored needs a key that the keyring lacks, or has another
  // under that id: see CheckKeys. Then `database` stays the caller's, its directory locked. Reads
  // the whole store. `clock` says when things are.
  static absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> Open(
      std::unique_ptr<SqliteDatabase>&& database, Keyring keyring,
      const Clock& clock = SystemClock());

  // While others use the store: seals with the first key of `next` from now on. An error leaves the
  // keys as they were when `next` is no good (it lacks a key that is needed: FAILED_PRECONDITION;
  // it gives a loaded key's id to another key: INVALID_ARGUMENT). When only the record cannot be
  // written (UNAVAILABLE), all keys, new and old, are loaded until a later call works. One at a
  // time.
  absl::Status UseKeyring(Keyring next);

  bool shared() const override { return false; }  // Locked to one process.
  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override;
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override;
  absl::Status Conclude(const broker::Conclusion& conclusion) override;
  absl::Status Quarantine(const broker::Evidence& evidence) override;

  absl::Status ForEach(absl::FunctionRef<void(broker::CredentialRecord)> visit) override;
  absl::StatusOr<broker::CredentialRecord> Load(std::string_view name) override;
  absl::StatusOr<broker::Applied> Apply(absl::Span<const broker::CredentialChange> changes,
                                        absl::FunctionRef<void()> progress) override;
  absl::StatusOr<broker::TokenKnowledge> LookUp(std::string_view name,
                                                const Secret& refresh_token) override;
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
  SqliteCredentialStore(std::unique_ptr<SqliteDatabase> database, Keyring keyring, Secret hash_key,
                        const Clock& clock)
      : database_(std::move(database)),
        clock_(clock),
        hasher_(std::move(hash_key)),
        sealer_(std::move(keyring)) {}

  // One transaction: reads the row, lets `change` work on it, and writes it back if that says so.
  absl::Status Change(std::string_view name, absl::FunctionRef<bool(StoredRow&)> change);
  // The parts of Apply: each changes one credential and tells `applied`.
  absl::Status ApplyTo(SqliteConnection& connection, const broker::CredentialChange& change,
                       absl::Time now, const RecordSealer& sealer, broker::Applied& applied) const;
  absl::Status ApplyCreation(SqliteConnection& connection, const broker::CreateCredential& change,
                             absl::Time now, const RecordSealer& sealer,
                             broker::Applied& applied) const;
  absl::Status ApplyAdoption(SqliteConnection& connection, const broker::AdoptSeed& change,
                             absl::Time now, const RecordSealer& sealer,
                             broker::Applied& applied) const;

  const std::unique_ptr<SqliteDatabase> database_;
  const Clock& clock_;
  const TokenHasher hasher_;
  CurrentSealer sealer_;  // Each call holds on to the one that it began with.
};

}  // namespace token_service::store
