#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/broker/credential_store.h"
#include "server/store/group_commit.h"
#include "server/store/key_ledger.h"
#include "server/store/new_files.h"
#include "server/store/owner_lock.h"
#include "server/store/read_pool.h"
#include "server/store/transitions.h"

namespace token_service::store {

// Credentials in an SQLite file, `credentials.db` in a directory that this object owns. Knows
// nothing of sealing: what it is given in a Secret it writes as it is (see SealingCredentialStore).
//
// Writes that come together share one transaction and one fsync (GroupCommit); reads wait for no
// write.
class SqliteCredentialStore final : public broker::CredentialStore, public KeyLedger {
 public:
  // What has to be in the directory before.
  enum class Expect {
    kAnything,  // Without a store, an empty one is made.
    kStore,     // A file that is empty or half made is none.
    kNone,
  };
  struct Options {
    std::string data_dir;  // Made with mode 0700 when missing.
    Expect expect = Expect::kAnything;
    const char* vfs = nullptr;            // SQLite's file layer; null: the default. For tests.
    const Clock* clock = &SystemClock();  // Says since when a refresh token is spent.
  };

  // FAILED_PRECONDITION: another server owns the directory, a newer version or another program
  // wrote the file, or the path is none for a directory. NOT_FOUND, ALREADY_EXISTS: not what was
  // expected, and nothing was made or changed. PERMISSION_DENIED: not readable and
  // writable for us. DATA_LOSS: the file is damaged or no database. UNAVAILABLE: disk full and the
  // like. All name the path.
  static absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> Open(const Options& options);
  // What it makes it tells `made`. After an error nothing is left of that.
  static absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> Open(const Options& options,
                                                                     NewFiles& made);

  bool shared() const override { return false; }  // Locked to one process.
  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override;
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override;
  absl::Status Conclude(const broker::Conclusion& conclusion) override;
  absl::Status Quarantine(const broker::Evidence& evidence) override;

  absl::Status ForEach(absl::FunctionRef<void(broker::CredentialRecord)> visit) override;
  absl::StatusOr<broker::CredentialRecord> Load(std::string_view name) override;
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

  absl::Status CheckLoaded(const std::vector<KeyFact>& loaded) override;
  absl::Status RecordLoaded(const std::vector<KeyFact>& loaded) override;
  absl::StatusOr<Secret> ReadHashKey() override;
  absl::Status BeginTokenMemory(const Secret& sealed_key,
                                absl::Span<const RememberedToken> tokens) override;
  absl::StatusOr<broker::TokenKnowledge> LookUpHash(std::string_view name, std::string_view hash,
                                                    bool from_file) override;

 private:
  SqliteCredentialStore(OwnerLock lock, const SqliteConnection::Options& database,
                        const Clock& clock);

  // One transaction: reads the row, lets `change` work on it, and writes it back if that says so.
  absl::Status Change(std::string_view name, absl::FunctionRef<bool(StoredRow&)> change);

  const OwnerLock lock_;  // First: let go last, when no connection is left.
  const Clock& clock_;
  ReadPool readers_;
  GroupCommit writer_;
};

}  // namespace token_service::store
