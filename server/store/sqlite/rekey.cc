#include "server/store/sqlite/rekey.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/store/owner_lock.h"
#include "server/store/sealing/record_sealer.h"
#include "server/store/sqlite/credential_rows.h"
#include "server/store/sqlite/key_rows.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/sqlite/sqlite_credential_store.h"
#include "server/store/sqlite/sqlite_schema.h"
#include "server/store/sqlite/token_rows.h"
#include "server/store/store_paths.h"

namespace token_service::store {
namespace {

// Rows a transaction: sealing them takes less than the sync at its end.
constexpr size_t kBatch = 32;
constexpr int kPurgeTries = 20;
constexpr absl::Duration kPurgePause = absl::Milliseconds(50);

constexpr char kBegin[] = "BEGIN IMMEDIATE";
constexpr char kBeginReading[] = "BEGIN";
constexpr char kCommit[] = "COMMIT";
constexpr char kCheckpoint[] = "PRAGMA wal_checkpoint(TRUNCATE)";

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(std::string(text)), "\"");
}

class Rekeying {
 public:
  Rekeying(const StoreOptions& options, SqliteConnection& connection, Keyring keyring,
           const Clock& clock, absl::FunctionRef<void(absl::Duration)> pause)
      : options_(options),
        connection_(connection),
        sealer_(std::move(keyring)),
        clock_(clock),
        pause_(pause) {}

  absl::StatusOr<RekeyReport> Run() {
    if (absl::Status status = CheckSealingKey(); !status.ok()) return status;
    absl::Status status = CheckKeysOf(connection_, sealer_.keyring().Facts());
    if (status.ok()) status = ResealCredentials();
    if (status.ok()) status = ResealEvidence();
    if (status.ok()) status = InTransaction([this] { return ResealHashKey(); });
    if (status.ok()) status = Look();
    if (!status.ok()) return status;
    Purge();
    return std::move(report_);
  }

 private:
  const std::string& key() const { return sealer_.keyring().sealing_key().id; }

  // What the owner will seal with. Whoever writes here asks within the same transaction: see
  // SqliteDatabase.
  absl::Status CheckSealingKey() {
    const absl::StatusOr<std::vector<KeyFact>> recorded = ReadKeyFacts(connection_);
    if (!recorded.ok()) return recorded.status();
    const KeyFact wanted = sealer_.keyring().Facts().front();
    if (!recorded->empty() && recorded->front() == wanted) return absl::OkStatus();
    const absl::StatusOr<std::string> owner = OwnerLock::Owner(OwnerLockPath(options_.data_dir));
    std::string what = owner.ok() && !owner->empty() ? *owner : "the last token-server";
    if (recorded->empty()) {
      absl::StrAppend(&what, " has not said what it seals with");
    } else if (recorded->front().id == wanted.id) {
      absl::StrAppend(&what, " seals with another key that goes by the id ", Quoted(wanted.id));
    } else {
      absl::StrAppend(&what, " seals with key ", Quoted(recorded->front().id), ", not with ",
                      Quoted(wanted.id));
    }
    return absl::FailedPreconditionError(
        absl::StrCat(what, ": put ", Quoted(wanted.id),
                     " first in its keyring and send it SIGHUP, then rekey again"));
  }

  absl::Status ResealCredentials() {
    for (std::string after;;) {
      const auto names = NamesNotUnder(connection_, key(), after, kBatch);
      if (!names.ok()) return names.status();
      if (names->empty()) return absl::OkStatus();
      after = names->back();
      absl::Status status = InTransaction([&] {
        for (const std::string& name : *names) {
          if (absl::Status resealed = ResealCredential(name); !resealed.ok()) return resealed;
        }
        return absl::OkStatus();
      });
      if (!status.ok()) return status;
    }
  }

  absl::Status ResealCredential(const std::string& name) {
    absl::StatusOr<StoredRow> row = ReadRow(connection_, name);
    if (absl::IsNotFound(row.status())) return absl::OkStatus();  // Deleted since.
    if (!row.ok()) return row.status();
    absl::StatusOr<bool> resealed = sealer_.Reseal(row->record);
    if (!resealed.ok() || row->record.unreadable) {
      unreadable_.push_back(absl::StrCat("credential ", Quoted(name)));
      return absl::OkStatus();
    }
    if (!*resealed) return absl::OkStatus();  // The server was faster.
    ++batch_;
    return UpdateRow(connection_, *row);
  }

  absl::Status ResealEvidence() {
    for (int64_t after = 0;;) {
      const auto ids = EvidenceNotUnder(connection_, key(), after, kBatch);
      if (!ids.ok()) return ids.status();
      if (ids->empty()) return absl::OkStatus();
      after = ids->back();
      absl::Status status = InTransaction([&] {
        for (const int64_t id : *ids) {
          if (absl::Status resealed = ResealAnswer(id); !resealed.ok()) return resealed;
        }
        return absl::OkStatus();
      });
      if (!status.ok()) return status;
    }
  }

  absl::Status ResealAnswer(int64_t id) {
    absl::StatusOr<broker::Evidence> evidence = ReadEvidence(connection_, id);
    if (absl::IsNotFound(evidence.status())) return absl::OkStatus();
    if (!evidence.ok()) return evidence.status();
    const absl::StatusOr<bool> resealed = sealer_.Reseal(*evidence);
    if (!resealed.ok()) {
      unreadable_.push_back(absl::StrCat("a quarantined answer of ", Quoted(evidence->name)));
      return absl::OkStatus();
    }
    if (!*resealed) return absl::OkStatus();
    ++batch_;
    return UpdateEvidenceBody(connection_, id, evidence->body);
  }

  absl::Status ResealHashKey() {
    absl::StatusOr<Secret> sealed = ReadHashKey(connection_);
    if (!sealed.ok() || sealed->empty()) return sealed.status();
    const absl::StatusOr<bool> resealed = sealer_.ResealHashKey(*sealed);
    if (!resealed.ok()) {
      unreadable_.push_back("the memory of spent refresh tokens");
      return absl::OkStatus();
    }
    return *resealed ? WriteHashKey(connection_, *sealed) : absl::OkStatus();
  }

  // The write lock, held from before `work` reads until it is durable, is what makes it safe beside
  // the server: nothing that it read can have changed when it writes.
  absl::Status InTransaction(absl::FunctionRef<absl::Status()> work) {
    batch_ = 0;
    absl::Status status = SqliteQuery(connection_, kBegin).Run();
    const MonotonicTime begun = clock_.Now();  // The lock is ours from here.
    if (status.ok()) status = CheckSealingKey();
    if (status.ok()) status = work();
    if (status.ok()) status = SqliteQuery(connection_, kCommit).Run();
    if (!status.ok()) {
      if (connection_.in_transaction()) connection_.Execute("ROLLBACK").IgnoreError();
      return status;
    }
    report_.resealed += batch_;
    pause_(clock_.Now() - begun);
    return absl::OkStatus();
  }

  // At one moment, all of it.
  absl::Status Look() {
    absl::Status status = SqliteQuery(connection_, kBeginReading).Run();
    if (!status.ok()) return status;
    absl::Cleanup end = [this] { SqliteQuery(connection_, kCommit).Run().IgnoreError(); };
    absl::StatusOr<KeyNeeds> needs = ReadKeyNeeds(connection_);
    if (!needs.ok()) return needs.status();
    const absl::StatusOr<int64_t> rows = CountRows(connection_);
    if (!rows.ok()) return rows.status();
    report_.rows = *rows;
    for (const KeyFact& known : sealer_.keyring().Facts()) {
      const auto need = needs->find(known.id);
      report_.keys.push_back({known.id, need == needs->end() ? 0 : need->second.values});
      if (need != needs->end()) needs->erase(need);
    }
    for (const auto& [id, need] : *needs) report_.keys.push_back({id, need.values});
    report_.unreadable = std::move(unreadable_);
    return absl::OkStatus();
  }

  // The log holds the rows as they were before; emptied into the database, where what is
  // overwritten is gone. That needs a moment without readers.
  void Purge() {
    for (int i = 0; i < kPurgeTries && !report_.purged; ++i) {
      if (i > 0) pause_(kPurgePause);
      SqliteQuery query(connection_, kCheckpoint);
      report_.purged = query.Step() && query.Integer() == 0;
    }
  }

  const StoreOptions& options_;
  SqliteConnection& connection_;
  const RecordSealer sealer_;
  const Clock& clock_;
  const absl::FunctionRef<void(absl::Duration)> pause_;
  int64_t batch_ = 0;
  std::vector<std::string> unreadable_;
  RekeyReport report_;
};

// While no server owns the store, what is on record as loaded is ours to say: a server that comes
// meanwhile looks at the rows first, and then says what it has itself.
absl::Status SpeakForAbsentOwner(const StoreOptions& options) {
  const absl::StatusOr<std::string> owner = OwnerLock::Owner(OwnerLockPath(options.data_dir));
  if (!owner.ok()) return owner.status();
  if (!owner->empty()) return absl::OkStatus();
  return OpenCredentialStore(options).status();
}

}  // namespace

bool RekeyReport::done() const {
  return std::all_of(keys.begin() + 1, keys.end(), [](const Key& key) { return key.values == 0; });
}

absl::StatusOr<RekeyReport> Rekey(const StoreOptions& options, const Clock& clock,
                                  absl::FunctionRef<void(absl::Duration)> pause) {
  const std::string path = DatabasePath(options.data_dir);
  if (!MayHoldStore(options.data_dir)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not there: nothing has been stored yet"));
  }
  absl::StatusOr<Keyring> keyring = LoadKeyring(options);
  if (!keyring.ok()) return keyring.status();
  if (absl::Status status = SpeakForAbsentOwner(options); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open({.path = path});
  absl::Status status = connection.ok() ? CheckSchema(**connection) : connection.status();
  if (!status.ok()) {
    return absl::Status(status.code(), absl::StrCat(path, ": ", std::string(status.message())));
  }
  return Rekeying(options, **connection, *std::move(keyring), clock, pause).Run();
}

}  // namespace token_service::store
