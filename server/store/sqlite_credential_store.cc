#include "server/store/sqlite_credential_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/store/credential_rows.h"
#include "server/store/database_copy.h"
#include "server/store/files.h"
#include "server/store/key_rows.h"
#include "server/store/sqlite_schema.h"
#include "server/store/store_paths.h"
#include "server/store/token_memory.h"
#include "server/store/token_rows.h"
#include "server/telemetry/log.h"

namespace token_service::store {

using broker::CredentialRecord;

namespace {

using Expect = SqliteCredentialStore::Expect;

// SQLite gives its log and index files the mode of the database, so that one is made here.
absl::Status PrepareDatabaseFile(const std::string& path, OwnerLock& lock, NewFiles& made) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC;
  FileDescriptor file(open(path.c_str(), kFlags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR));
  const bool is_new = file.valid();
  if (is_new) {
    // SQLite makes the other two when it opens the first.
    for (const char* suffix : {"-shm", "-wal", ""}) made.Note(path + suffix);
  } else {
    file = FileDescriptor(open(path.c_str(), kFlags | O_CREAT, S_IRUSR | S_IWUSR));
  }
  if (!file.valid()) return FileError("cannot open", path, errno);
  if (absl::Status status = MakePrivate(file.get(), path); !status.ok()) return status;
  if (absl::Status status = lock.Extend(std::move(file), path); !status.ok()) return status;
  return SyncDirectory(DirectoryOf(path));
}

absl::Status NoStore(const std::string& path) {
  return absl::NotFoundError(absl::StrCat("there is no store at ", path));
}

// A new version may have to be given up for the old one, which refuses what the new one made.
absl::Status Migrate(SqliteConnection& connection, const std::string& path) {
  const absl::StatusOr<int64_t> version = ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  const int64_t newest = NewestSchemaVersion();
  if (*version == 0 || *version == newest) return MigrateSchema(connection);
  const std::string kept = absl::StrCat(path, ".schema-", *version);
  absl::Status status = CopyDatabase(connection, kept, Existing::kReplace);
  if (!status.ok()) {
    return {status.code(), absl::StrCat("not migrated, since it cannot be kept as it is: ",
                                        std::string(status.message()))};
  }
  if (status = MigrateSchema(connection); !status.ok()) return status;
  telemetry::Log(telemetry::Level::kInfo, "database migrated",
                 {{"from_schema", *version}, {"to_schema", newest}, {"kept", kept}});
  return absl::OkStatus();
}

absl::Status Check(SqliteConnection& connection, const std::string& path, Expect expect) {
  if (expect == Expect::kAnything) return absl::OkStatus();
  const absl::StatusOr<int64_t> version = ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  if (*version == 0 && expect == Expect::kStore) return NoStore(path);
  if (*version != 0 && expect == Expect::kNone) {
    return absl::AlreadyExistsError(absl::StrCat("there is a store already at ", path));
  }
  return absl::OkStatus();
}

absl::Status PrepareDatabase(const SqliteConnection::Options& options, Expect expect,
                             OwnerLock& lock, NewFiles& made) {
  absl::Status prepared = PrepareDatabaseFile(options.path, lock, made);
  if (!prepared.ok()) return prepared;
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection = SqliteConnection::Open(options);
  absl::Status status = connection.status();
  if (status.ok()) {
    status = Check(**connection, options.path, expect);
    if (absl::IsNotFound(status) || absl::IsAlreadyExists(status)) return status;
  }
  if (status.ok()) status = Migrate(**connection, options.path);
  if (status.ok()) return status;
  if (absl::IsDataLoss(status)) {
    return absl::DataLossError(
        absl::StrCat(options.path, " is damaged or no database: ", std::string(status.message())));
  }
  return absl::Status(status.code(),
                      absl::StrCat(options.path, ": ", std::string(status.message())));
}

absl::StatusOr<StoredRow> ReadWritableRow(SqliteConnection& connection, std::string_view name) {
  absl::StatusOr<StoredRow> row = ReadRow(connection, name);
  if (row.ok() && row->record.unreadable) {
    return absl::FailedPreconditionError("the credential's row is damaged");
  }
  return row;
}

// Reads the row, lets `change` work on it, and writes it back if that says so.
absl::Status ChangeRow(SqliteConnection& connection, std::string_view name,
                       absl::FunctionRef<bool(StoredRow&)> change) {
  absl::StatusOr<StoredRow> row = ReadWritableRow(connection, name);
  if (!row.ok()) return row.status();
  return change(*row) ? UpdateRow(connection, *row) : absl::OkStatus();
}

absl::Status Grant(SqliteConnection& connection, const broker::CredentialChange& change,
                   absl::Time now) {
  const auto& grant = std::get<broker::ReplaceGrant>(change);
  absl::StatusOr<StoredRow> row = ReadWritableRow(connection, grant.name);
  if (!row.ok()) return row.status();
  const absl::StatusOr<bool> news = RememberGranted(connection, grant, *row, now);
  if (!news.ok()) return news.status();
  if (!*news || !ApplyChange(change, now, *row)) return absl::OkStatus();
  return UpdateRow(connection, *row);
}

absl::Status ApplyTo(SqliteConnection& connection, const broker::CredentialChange& change,
                     absl::Time now) {
  if (const auto* created = std::get_if<broker::CreateCredential>(&change)) {
    absl::Status status = InsertRow(connection, NewRow(created->record, now));
    return status.ok() ? RememberCreated(connection, *created) : status;
  }
  if (std::holds_alternative<broker::ReplaceGrant>(change)) return Grant(connection, change, now);
  return ChangeRow(connection, broker::NameOf(change),
                   [&](StoredRow& row) { return ApplyChange(change, now, row); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> SqliteCredentialStore::Open(
    const Options& options) {
  NewFiles made;
  return Open(options, made);
}

absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> SqliteCredentialStore::Open(
    const Options& options, NewFiles& made) {
  const std::string path = DatabasePath(options.data_dir);
  if (!MayHoldStore(options.data_dir)) {
    if (options.expect == Expect::kStore) return NoStore(path);
    if (IsRestoreUnfinished(options.data_dir)) {
      return absl::FailedPreconditionError(
          absl::StrCat(RestoringPath(options.data_dir),
                       " is there: a restore was not finished; run it again, or remove that file"));
    }
  }
  if (absl::Status status = EnsurePrivateDirectory(options.data_dir, made); !status.ok()) {
    made.Remove();
    return status;
  }
  absl::StatusOr<OwnerLock> lock =
      OwnerLock::Acquire(absl::StrCat(options.data_dir, "/owner.lock"), made);
  // A directory that another has taken meanwhile is not empty, and stays.
  absl::Cleanup undo = [&made] { made.Remove(); };
  if (!lock.ok()) return lock.status();
  const SqliteConnection::Options database = {.path = path, .vfs = options.vfs};
  absl::Status prepared = PrepareDatabase(database, options.expect, *lock, made);
  if (!prepared.ok()) return prepared;
  std::move(undo).Cancel();
  return std::unique_ptr<SqliteCredentialStore>(
      new SqliteCredentialStore(*std::move(lock), database, *options.clock));
}

SqliteCredentialStore::SqliteCredentialStore(OwnerLock lock,
                                             const SqliteConnection::Options& database,
                                             const Clock& clock)
    : lock_(std::move(lock)),
      clock_(clock),
      readers_([database] {
        SqliteConnection::Options reading = database;
        reading.query_only = true;
        return SqliteConnection::Open(reading);
      }),
      writer_([database] { return SqliteConnection::Open(database); }) {}

absl::Status SqliteCredentialStore::Change(std::string_view name,
                                           absl::FunctionRef<bool(StoredRow&)> change) {
  return writer_.Run(
      [&](SqliteConnection& connection) { return ChangeRow(connection, name, change); });
}

absl::StatusOr<broker::BeginOutcome> SqliteCredentialStore::Begin(
    const broker::BeginRequest& request) {
  std::optional<broker::BeginOutcome> outcome;
  const Moment now = clock_.MomentNow();
  absl::Status status = writer_.Run([&](SqliteConnection& connection) -> absl::Status {
    absl::StatusOr<StoredRow> row = ReadWritableRow(connection, request.name);
    if (!row.ok()) return row.status();
    auto barred = CheckMeant(request, *row);
    if (barred.ok() && !barred->has_value())
      barred = RememberSent(connection, request, now.wall, *row);
    if (!barred.ok()) return barred.status();
    outcome = barred->has_value() ? **std::move(barred) : ApplyBegin(request, now, *row);
    const bool wrote = std::holds_alternative<broker::Begun>(*outcome) ||
                       std::holds_alternative<broker::FoundSpent>(*outcome);
    return wrote ? UpdateRow(connection, *row) : absl::OkStatus();
  });
  if (!status.ok()) return status;
  return *std::move(outcome);
}

absl::StatusOr<broker::CommitOutcome> SqliteCredentialStore::Commit(
    const broker::Rotation& rotation) {
  std::optional<broker::CommitOutcome> outcome;
  const Moment now = clock_.MomentNow();
  absl::Status status = writer_.Run([&](SqliteConnection& connection) -> absl::Status {
    absl::StatusOr<StoredRow> row = ReadWritableRow(connection, rotation.name);
    if (!row.ok()) return row.status();
    outcome = ApplyCommit(rotation, now, *row);
    if (!std::holds_alternative<broker::Committed>(*outcome)) return absl::OkStatus();
    absl::Status written = UpdateRow(connection, *row);
    return written.ok() ? RememberCommitted(connection, rotation, now.wall - rotation.token.age)
                        : written;
  });
  if (!status.ok()) return status;
  return *std::move(outcome);
}

absl::Status SqliteCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  const Moment now = clock_.MomentNow();
  return Change(conclusion.name,
                [&](StoredRow& row) { return ApplyConclude(conclusion, now, row); });
}

absl::Status SqliteCredentialStore::Quarantine(const broker::Evidence& evidence) {
  const absl::Time now = clock_.WallNow();
  return writer_.Run(
      [&](SqliteConnection& connection) { return InsertEvidence(connection, evidence, now); });
}

absl::Status SqliteCredentialStore::ForEach(absl::FunctionRef<void(CredentialRecord)> visit) {
  return readers_.Run([&](SqliteConnection& connection) {
    return ReadEveryRow(connection, [&](StoredRow row) { visit(std::move(row.record)); });
  });
}

absl::StatusOr<CredentialRecord> SqliteCredentialStore::Load(std::string_view name) {
  std::optional<CredentialRecord> record;
  absl::Status status = readers_.Run([&](SqliteConnection& connection) {
    absl::StatusOr<StoredRow> row = ReadRow(connection, name);
    if (row.ok()) record = std::move(row->record);
    return row.status();
  });
  if (!status.ok()) return status;
  return *std::move(record);
}

absl::Status SqliteCredentialStore::Apply(absl::Span<const broker::CredentialChange> changes,
                                          absl::FunctionRef<void()> progress) {
  if (changes.empty()) return absl::OkStatus();
  const absl::Time now = clock_.WallNow();
  return writer_.Run([&](SqliteConnection& connection) -> absl::Status {
    for (const broker::CredentialChange& change : changes) {
      absl::Status status = ApplyTo(connection, change, now);
      if (!status.ok()) return status;
      progress();
    }
    return absl::OkStatus();
  });
}

absl::Status SqliteCredentialStore::HoldAll() {
  const absl::Time now = clock_.WallNow();
  return writer_.Run([&](SqliteConnection& connection) { return HoldEveryRow(connection, now); });
}

absl::Status SqliteCredentialStore::Release(std::string_view name) {
  return Change(name, [](StoredRow& row) { return ApplyRelease(row); });
}

absl::Status SqliteCredentialStore::Delete(std::string_view name) {
  const absl::Time now = clock_.WallNow();
  return writer_.RunAndPurge([&](SqliteConnection& connection) -> absl::Status {
    const absl::StatusOr<StoredRow> row = ReadRow(connection, name);
    if (!row.ok()) return row.status();
    absl::Status status = RememberDeleted(connection, *row, now);
    return status.ok() ? DeleteRow(connection, name) : status;
  });
}

absl::StatusOr<broker::TokenKnowledge> SqliteCredentialStore::LookUp(std::string_view name,
                                                                     const Secret& refresh_token,
                                                                     bool from_file) {
  return LookUpHash(name, refresh_token.Reveal(), from_file);
}

absl::StatusOr<broker::TokenKnowledge> SqliteCredentialStore::LookUpHash(std::string_view name,
                                                                         std::string_view hash,
                                                                         bool from_file) {
  broker::TokenKnowledge known;
  absl::Status status = readers_.Run([&](SqliteConnection& connection) -> absl::Status {
    const absl::StatusOr<StoredRow> row = ReadRow(connection, name);
    if (!row.ok() && !absl::IsNotFound(row.status())) return row.status();
    auto looked_up = KnowToken(connection, name, row.ok() ? &*row : nullptr, hash, from_file);
    if (looked_up.ok()) known = *std::move(looked_up);
    return looked_up.status();
  });
  if (!status.ok()) return status;
  return known;
}

absl::StatusOr<std::vector<broker::Evidence>> SqliteCredentialStore::ListEvidence(
    std::string_view name) {
  std::vector<broker::Evidence> list;
  absl::Status status = readers_.Run([&](SqliteConnection& connection) {
    absl::StatusOr<std::vector<broker::Evidence>> read = ReadEvidenceOf(connection, name);
    if (read.ok()) list = *std::move(read);
    return read.status();
  });
  if (!status.ok()) return status;
  return list;
}

absl::Status SqliteCredentialStore::SendCandidate(std::string_view name, std::string_view id,
                                                  const Secret& refresh_token) {
  const absl::Time now = clock_.WallNow();
  return writer_.Run([&](SqliteConnection& connection) -> absl::Status {
    const absl::StatusOr<StoredRow> row = ReadRow(connection, name);
    if (!row.ok()) return row.status();
    const absl::StatusOr<bool> sent = MarkEvidenceSent(connection, name, id);
    if (!sent.ok()) return sent.status();
    return RememberCandidate(connection, *row, refresh_token.Reveal(), *sent, now);
  });
}

absl::Status SqliteCredentialStore::MarkEvidence(std::string_view name, std::string_view id,
                                                 broker::EvidenceMark mark) {
  return writer_.Run(
      [&](SqliteConnection& connection) { return MarkEvidenceRow(connection, name, id, mark); });
}

absl::Status SqliteCredentialStore::DiscardEvidence(std::string_view name, std::string_view id) {
  return writer_.RunAndPurge(
      [&](SqliteConnection& connection) { return DeleteEvidenceRow(connection, name, id); });
}

absl::StatusOr<int64_t> SqliteCredentialStore::CountEvidence(std::string_view name) {
  std::optional<int64_t> count;
  absl::Status status = readers_.Run([&](SqliteConnection& connection) {
    absl::StatusOr<int64_t> counted = CountEvidenceRows(connection, name);
    if (counted.ok()) count = *counted;
    return counted.status();
  });
  if (!status.ok()) return status;
  return *count;
}

absl::Status SqliteCredentialStore::CheckLoaded(const std::vector<KeyFact>& loaded) {
  return readers_.Run(
      [&](SqliteConnection& connection) { return CheckKeysOf(connection, loaded); });
}

absl::Status SqliteCredentialStore::RecordLoaded(const std::vector<KeyFact>& loaded) {
  return writer_.Run([&](SqliteConnection& connection) {
    absl::Status status = CheckKeysOf(connection, loaded);
    return status.ok() ? WriteKeyFacts(connection, loaded) : status;
  });
}

absl::StatusOr<Secret> SqliteCredentialStore::ReadHashKey() {
  Secret key;
  absl::Status status = readers_.Run([&](SqliteConnection& connection) {
    absl::StatusOr<Secret> read = store::ReadHashKey(connection);
    if (read.ok()) key = *std::move(read);
    return read.status();
  });
  if (!status.ok()) return status;
  return key;
}

absl::Status SqliteCredentialStore::BeginTokenMemory(const Secret& sealed_key,
                                                     absl::Span<const RememberedToken> tokens) {
  return writer_.Run([&](SqliteConnection& connection) {
    absl::Status status = WriteHashKey(connection, sealed_key);
    for (const RememberedToken& token : tokens) {
      if (!status.ok()) break;
      status = token.spent_since.has_value()
                   ? SpendToken(connection, token.hash, *token.spent_since)
                   : HoldToken(connection, token.credential, {.hash = token.hash});
    }
    return status;
  });
}

}  // namespace token_service::store
