#include "server/store/sqlite/backup.h"

#include <unistd.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/store/sqlite/credential_rows.h"
#include "server/store/sqlite/database_copy.h"
#include "server/store/sqlite/key_rows.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/sqlite/sqlite_schema.h"
#include "server/store/store_paths.h"

namespace token_service::store {
namespace {

// An old schema is copied as it is.
absl::Status CheckThereIsAStore(SqliteConnection& connection) {
  const absl::StatusOr<int64_t> version = ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  return *version > 0 ? absl::OkStatus() : absl::FailedPreconditionError("there is nothing in it");
}

absl::Status About(const std::string& path, const absl::Status& status) {
  return {status.code(), absl::StrCat(path, ": ", std::string(status.message()))};
}

// Of the copy: that can be read means that it is one.
absl::StatusOr<BackupReport> Look(const std::string& file) {
  const auto connection = SqliteConnection::Open({.path = file, .read_only = true});
  if (!connection.ok()) return connection.status();
  if (absl::Status whole = CheckIntegrity(**connection); !whole.ok()) return whole;
  BackupReport report;
  const absl::StatusOr<int64_t> credentials = CountCredentialRows(**connection);
  if (!credentials.ok()) return credentials.status();
  report.credentials = *credentials;
  const absl::StatusOr<KeyNeeds> needs = ReadKeyNeeds(**connection);
  if (!needs.ok()) return needs.status();
  for (const auto& [id, need] : *needs) report.keys.push_back(id);
  return report;
}

}  // namespace

absl::StatusOr<BackupReport> Backup(const StoreOptions& options, const std::string& file) {
  const std::string path = DatabasePath(options.data_dir);
  if (!MayHoldStore(options.data_dir)) {
    return absl::FailedPreconditionError(absl::StrCat("there is no store at ", path));
  }
  {
    const auto connection = SqliteConnection::Open({.path = path});
    if (!connection.ok()) return About(path, connection.status());
    absl::Status status = CheckThereIsAStore(**connection);
    if (!status.ok()) return About(path, status);
    status = CopyDatabase(**connection, file, Existing::kRefuse);
    if (!status.ok()) return status;
  }
  absl::StatusOr<BackupReport> report = Look(file);
  if (!report.ok()) {
    unlink(file.c_str());  // Ours: it was not there before.
    return About(file, report.status());
  }
  return report;
}

}  // namespace token_service::store
