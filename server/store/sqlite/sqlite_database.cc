#include "server/store/sqlite/sqlite_database.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/store/files.h"
#include "server/store/sqlite/database_copy.h"
#include "server/store/sqlite/key_rows.h"
#include "server/store/sqlite/sqlite_schema.h"
#include "server/store/store_paths.h"
#include "server/telemetry/log.h"

namespace token_service::store {
namespace {

using Expect = SqliteDatabase::Expect;

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

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const Options& options) {
  NewFiles made;
  return Open(options, made);
}

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const Options& options,
                                                                     NewFiles& made) {
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
  return std::unique_ptr<SqliteDatabase>(new SqliteDatabase(*std::move(lock), database));
}

SqliteDatabase::SqliteDatabase(OwnerLock lock, const SqliteConnection::Options& database)
    : lock_(std::move(lock)),
      readers_([database] {
        SqliteConnection::Options reading = database;
        reading.query_only = true;
        return SqliteConnection::Open(reading);
      }),
      writer_([database] { return SqliteConnection::Open(database); }) {}

absl::Status SqliteDatabase::CheckLoaded(const std::vector<KeyFact>& loaded) {
  return readers_.Run(
      [&](SqliteConnection& connection) { return CheckKeysOf(connection, loaded); });
}

absl::Status SqliteDatabase::RecordLoaded(const std::vector<KeyFact>& loaded) {
  return writer_.Run([&](SqliteConnection& connection) {
    absl::Status status = CheckKeysOf(connection, loaded);
    return status.ok() ? WriteKeyFacts(connection, loaded) : status;
  });
}

}  // namespace token_service::store
