#include "server/store/sqlite/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/store/files.h"
#include "server/store/owner_lock.h"
#include "server/store/sealing/record_sealer.h"
#include "server/store/sqlite/carry_over.h"
#include "server/store/sqlite/credential_rows.h"
#include "server/store/sqlite/database_copy.h"
#include "server/store/sqlite/key_rows.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/sqlite/sqlite_schema.h"
#include "server/store/sqlite/token_rows.h"
#include "server/store/store_paths.h"

namespace token_service::store {
namespace {

constexpr char kBegin[] = "BEGIN IMMEDIATE";
constexpr char kCommit[] = "COMMIT";
constexpr char kPageSize[] = "PRAGMA page_size";
constexpr char kCheckpoint[] = "PRAGMA wal_checkpoint(TRUNCATE)";

using ConnectionPtr = std::unique_ptr<SqliteConnection>;

absl::Status About(const std::string& path, const absl::Status& status) {
  return {status.code(), absl::StrCat(path, ": ", std::string(status.message()))};
}

void RemoveDatabase(const std::string& path) {
  for (const char* suffix : {"-wal", "-shm", ""}) unlink((path + suffix).c_str());
}

// All is in the one file, and no log is left beside it that another database could take for its
// own.
absl::Status Finish(ConnectionPtr connection, const std::string& path) {
  {
    SqliteQuery query(*connection, kCheckpoint);
    const bool emptied = query.Step() && query.Integer() == 0;
    if (!query.status().ok()) return query.status();
    if (!emptied) return absl::UnavailableError("somebody reads the database; try again");
  }
  connection.reset();
  unlink((path + "-wal").c_str());
  unlink((path + "-shm").c_str());
  const FileDescriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid()) return FileError("cannot open", path, errno);
  return fsync(file.get()) == 0 ? absl::OkStatus() : FileError("cannot sync", path, errno);
}

class Restoring {
 public:
  Restoring(const StoreOptions& options, const std::string& file, Keyring keyring,
            const Clock& clock)
      : file_(file),
        path_(DatabasePath(options.data_dir)),
        new_path_(RestoringPath(options.data_dir)),
        sealer_(std::move(keyring)),
        clock_(clock) {}

  absl::StatusOr<RestoreReport> Run(bool replaces) {
    absl::Cleanup remove = [this] { RemoveDatabase(new_path_); };
    absl::StatusOr<ConnectionPtr> copy = OpenCopy();
    if (!copy.ok()) return copy.status();
    absl::Status status = Prepare(**copy);
    if (!status.ok()) return About(file_, status);
    if (replaces) status = TakeFromOld(**copy);
    if (status.ok()) status = Finish(*std::move(copy), new_path_);
    if (!status.ok()) return status;
    if (replaces) status = KeepOld();
    if (status.ok() && rename(new_path_.c_str(), path_.c_str()) != 0) {
      status = FileError("cannot create", path_, errno);
    }
    if (status.ok()) status = SyncDirectory(DirectoryOf(path_));
    if (!status.ok()) return status;
    return std::move(report_);
  }

 private:
  absl::StatusOr<ConnectionPtr> OpenCopy() {
    RemoveDatabase(new_path_);
    absl::Status status = CopyBytes(file_, new_path_);
    // A database that was copied by hand has its log beside it, if that was copied too.
    if (status.ok() && access((file_ + "-wal").c_str(), F_OK) == 0) {
      status = CopyBytes(file_ + "-wal", new_path_ + "-wal");
    }
    if (!status.ok()) return status;
    absl::StatusOr<ConnectionPtr> copy = SqliteConnection::Open({.path = new_path_});
    if (!copy.ok()) return About(file_, copy.status());
    return copy;
  }

  absl::Status Prepare(SqliteConnection& copy) {
    const absl::StatusOr<int64_t> version = ReadSchemaVersion(copy);
    if (!version.ok()) return version.status();
    if (*version == 0) return absl::FailedPreconditionError("there is nothing in it");
    absl::Status status = CheckSize(copy);
    if (status.ok()) status = CheckIntegrity(copy);
    if (status.ok()) status = MigrateSchema(copy);
    if (status.ok()) status = CheckKeysOf(copy, sealer_.keyring().Facts());
    if (!status.ok()) return status;
    status = HoldSpendableRows(copy, clock_.WallNow());
    if (!status.ok()) return status;
    return ReadEveryRow(copy, [this](StoredRow row) {
      ++report_.credentials;
      if (row.record.held_since.has_value()) report_.held.push_back(row.record.name);
      sealer_.Open(row.record);
      if (row.record.unreadable) {
        report_.unreadable.push_back(row.record.name);
      }
    });
  }

  // SQLite takes the missing end of a page for zeros.
  absl::Status CheckSize(SqliteConnection& copy) const {
    struct stat file {};
    if (stat(file_.c_str(), &file) != 0) return FileError("cannot read", file_, errno);
    SqliteQuery query(copy, kPageSize);
    const int64_t page = query.Step() ? query.Integer() : 1;
    if (!query.status().ok()) return query.status();
    return file.st_size % page == 0 ? absl::OkStatus()
                                    : absl::DataLossError("not all of it is there");
  }

  // A damaged one, or a newer version's, is kept, and that is all.
  absl::Status TakeFromOld(SqliteConnection& copy) {
    absl::StatusOr<ConnectionPtr> old = SqliteConnection::Open({.path = path_});
    if (!old.ok() || !CheckSchema(**old).ok()) return absl::OkStatus();
    absl::Status status = SqliteQuery(copy, kBegin).Run();
    if (status.ok()) status = CarryGenerations(**old, copy);
    const bool comparable = status.ok() && RememberByTheSameKey(**old, copy);
    if (comparable) status = CarrySpentTokens(**old, copy);
    if (status.ok()) status = SqliteQuery(copy, kCommit).Run();
    if (!status.ok() && copy.in_transaction()) copy.Execute("ROLLBACK").IgnoreError();
    if (absl::IsDataLoss(status)) return absl::OkStatus();
    if (!status.ok()) return About(path_, status);
    report_.knows_what_was_spent = comparable;
    return About(path_, Finish(*std::move(old), path_));
  }

  // False also where one of them does not open, or there is none yet.
  bool RememberByTheSameKey(SqliteConnection& a, SqliteConnection& b) const {
    const auto key_of = [this](SqliteConnection& connection) {
      const absl::StatusOr<Secret> sealed = ReadHashKey(connection);
      if (!sealed.ok() || sealed->empty()) return Secret();
      absl::StatusOr<Secret> key = sealer_.OpenHashKey(*sealed);
      return key.ok() ? *std::move(key) : Secret();
    };
    const Secret key = key_of(a);
    return !key.empty() && key == key_of(b);
  }

  // Whoever forces may err: a refresh token in it may be the only one that is good.
  absl::Status KeepOld() {
    const std::string base =
        absl::StrCat(path_, ".replaced-",
                     absl::FormatTime("%Y%m%dT%H%M%SZ", clock_.WallNow(), absl::UTCTimeZone()));
    report_.kept = base;
    // One that was stopped may have left its name behind in this very second.
    for (int i = 2; link(path_.c_str(), report_.kept.c_str()) != 0; ++i) {
      if (errno != EEXIST) return FileError("cannot create", report_.kept, errno);
      report_.kept = absl::StrCat(base, "-", i);
    }
    // Of one that could not be opened: it must not become the new one's.
    const std::string log = path_ + "-wal";
    if (rename(log.c_str(), (report_.kept + "-wal").c_str()) != 0 && errno != ENOENT) {
      return FileError("cannot move", log, errno);
    }
    unlink((path_ + "-shm").c_str());
    return absl::OkStatus();
  }

  const std::string& file_;
  const std::string path_;
  const std::string new_path_;
  const RecordSealer sealer_;
  const Clock& clock_;
  RestoreReport report_;
};

}  // namespace

absl::StatusOr<RestoreReport> Restore(const StoreOptions& options, const std::string& file,
                                      Overwrite overwrite, const Clock& clock) {
  absl::StatusOr<Keyring> keyring = LoadKeyring(options);
  if (absl::IsNotFound(keyring.status())) {
    return absl::NotFoundError(
        absl::StrCat(std::string(keyring.status().message()),
                     ": a copy opens with the keyring that sealed it alone"));
  }
  if (!keyring.ok()) return keyring.status();
  if (access(file.c_str(), R_OK) != 0) return FileError("cannot read", file, errno);
  const std::string path = DatabasePath(options.data_dir);
  const bool replaces = MayHoldStore(options.data_dir);
  if (replaces && overwrite == Overwrite::kNo) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a store already at ", path, "; --force replaces it"));
  }
  NewFiles made;
  if (absl::Status status = EnsurePrivateDirectory(options.data_dir, made); !status.ok()) {
    made.Remove();
    return status;
  }
  const absl::StatusOr<OwnerLock> lock = OwnerLock::Acquire(OwnerLockPath(options.data_dir), made);
  absl::Cleanup undo = [&made] { made.Remove(); };  // While the directory is locked.
  if (!lock.ok()) return lock.status();
  absl::StatusOr<RestoreReport> report =
      Restoring(options, file, *std::move(keyring), clock).Run(replaces);
  if (!report.ok()) return report;
  std::move(undo).Cancel();
  if (absl::Status given = GiveToOwnerOfDirectory(options.data_dir); !given.ok()) return given;
  return report;
}

}  // namespace token_service::store
