#include "server/store/sqlite/sqlite_schema.h"

#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace token_service::store {
namespace {

// "ToSv". SQLite keeps it in the file's header: file(1) shows it, and another program's file lacks
// it.
constexpr int64_t kApplicationId = 0x546f5376;

// Each takes the schema from the version before to its own, which it sets. A published one never
// changes.
constexpr const char* kMigrations[] = {
    // Times are nanoseconds since 1970, secrets are sealed. `committed_attempt`: whose commit made
    // the current generation.
    "CREATE TABLE credentials("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  purpose TEXT NOT NULL,"
    "  client_id TEXT NOT NULL,"
    "  token_endpoint TEXT NOT NULL,"
    "  scope TEXT NOT NULL,"
    "  client_auth TEXT NOT NULL,"
    "  client_secret BLOB NOT NULL,"
    "  managed_by_config INTEGER NOT NULL,"
    "  refresh_token BLOB NOT NULL,"
    "  seed BLOB NOT NULL,"
    "  rotates INTEGER NOT NULL,"
    "  standing TEXT NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  access_token BLOB,"
    "  token_type TEXT,"
    "  token_scope TEXT,"
    "  token_issued INTEGER,"
    "  token_expires INTEGER,"
    "  attempt_id TEXT,"
    "  attempt_holder TEXT,"
    "  attempt_begun INTEGER,"
    "  attempt_lease_end INTEGER,"
    "  doubt_since INTEGER,"
    "  create_time INTEGER NOT NULL,"
    "  last_refresh_time INTEGER,"
    "  last_error_reason TEXT NOT NULL,"
    "  consecutive_failures INTEGER NOT NULL,"
    "  committed_attempt TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE evidence("
    "  id INTEGER PRIMARY KEY,"
    "  credential TEXT NOT NULL REFERENCES credentials(name) ON DELETE CASCADE,"
    "  attempt_id TEXT NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  time INTEGER NOT NULL,"
    "  body BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX evidence_by_credential ON evidence(credential);"
    "PRAGMA application_id=0x546f5376;"
    "PRAGMA user_version=1;",
    // See SqliteDatabase. The key in position 0 seals.
    "CREATE TABLE loaded_keys("
    "  position INTEGER NOT NULL PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  fingerprint TEXT NOT NULL"
    ") STRICT;"
    "PRAGMA user_version=2;",
    // Until now a token not stored yet was handed out as generation + 1, and a grant was sealed for
    // the generation that it came in, or that the next rotation made of it.
    "ALTER TABLE credentials ADD COLUMN reserved_generation INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE credentials ADD COLUMN grant_serial INTEGER NOT NULL DEFAULT 0;"
    "UPDATE credentials SET reserved_generation=generation+1, grant_serial=generation;"
    "PRAGMA user_version=3;",
    "ALTER TABLE credentials ADD COLUMN held_since INTEGER;"
    "PRAGMA user_version=4;",
    // See token_rows.h. A hash is made with the key in `token_hash_key`, which is sealed; that and
    // the hashes of what is there already are put in when the store is opened.
    "CREATE TABLE token_hash_key("
    "  id INTEGER NOT NULL PRIMARY KEY CHECK(id=1),"
    "  sealed BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE held_tokens("
    "  credential TEXT NOT NULL PRIMARY KEY REFERENCES credentials(name) ON DELETE CASCADE,"
    "  hash BLOB NOT NULL,"
    "  kept INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX held_tokens_by_hash ON held_tokens(hash);"
    "CREATE TABLE spent_tokens("
    "  hash BLOB NOT NULL PRIMARY KEY,"
    "  since INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "PRAGMA user_version=5;",
    // Moments on the clock that counts from the machine's start, in nanoseconds, and which start:
    // not known of those from before this version.
    "ALTER TABLE credentials ADD COLUMN token_boot_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE credentials ADD COLUMN token_since_boot INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE credentials ADD COLUMN attempt_boot_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE credentials ADD COLUMN attempt_since_boot INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE credentials ADD COLUMN doubt_boot_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE credentials ADD COLUMN doubt_since_boot INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version=6;",
    // What was kept before stands where nothing better came after it.
    "ALTER TABLE evidence ADD COLUMN http_status INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE evidence ADD COLUMN grant_serial INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE evidence ADD COLUMN stands INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE evidence ADD COLUMN tried INTEGER NOT NULL DEFAULT 0;"
    "UPDATE evidence SET grant_serial=coalesce((SELECT c.grant_serial FROM credentials c"
    "  WHERE c.name=evidence.credential AND c.doubt_since IS NOT NULL"
    "  AND evidence.generation>c.generation), -1);"
    "PRAGMA user_version=7;",
    // What the provider says of a grant, and what the configuration says of its credential, are no
    // longer one word.
    "ALTER TABLE credentials ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;"
    "UPDATE credentials SET disabled=1, standing='usable' WHERE standing='disabled';"
    "UPDATE credentials SET standing='dead' WHERE standing='refresh_token_rejected';"
    "UPDATE credentials SET standing='client_refused' WHERE standing='client_rejected';"
    "ALTER TABLE credentials RENAME COLUMN standing TO grant_state;"
    "ALTER TABLE evidence ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version=8;",
    // What a refresh token's provider says of it. When one from before was obtained is not known
    // better than by the credential's own time.
    "ALTER TABLE credentials ADD COLUMN provider TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE credentials ADD COLUMN token_properties TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE credentials ADD COLUMN refresh_token_since INTEGER;"
    "ALTER TABLE credentials ADD COLUMN refresh_token_expires INTEGER;"
    "ALTER TABLE credentials ADD COLUMN last_rotation_time INTEGER;"
    "ALTER TABLE credentials ADD COLUMN error_status INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE credentials ADD COLUMN error_code TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE credentials ADD COLUMN error_description TEXT NOT NULL DEFAULT '';"
    "UPDATE credentials SET refresh_token_since=create_time;"
    "PRAGMA user_version=9;",
    "ALTER TABLE credentials ADD COLUMN grant_type TEXT NOT NULL DEFAULT 'refresh_token';"
    "PRAGMA user_version=10;",
    // Refresh tokens are sealed for their serial from now on, which an older version does not open.
    "PRAGMA user_version=11;",
};

constexpr auto kNewest = static_cast<int64_t>(std::size(kMigrations));

constexpr char kReadApplicationId[] = "PRAGMA application_id";
constexpr char kReadVersion[] = "PRAGMA user_version";
constexpr char kIntegrity[] = "PRAGMA integrity_check(1)";
constexpr char kCountCode[] =
    "SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')";
constexpr char kCountTables[] = "SELECT count(*) FROM sqlite_schema";

absl::StatusOr<int64_t> ReadNumber(SqliteConnection& connection, const char* sql) {
  SqliteQuery query(connection, sql);
  const int64_t number = query.Step() ? query.Integer() : 0;
  if (!query.status().ok()) return query.status();
  return number;
}

absl::Status RunMigration(SqliteConnection& connection, const char* migration) {
  absl::Status status = connection.Execute("BEGIN IMMEDIATE");
  if (status.ok()) status = connection.Execute(migration);
  if (status.ok()) status = connection.Execute("COMMIT");
  if (!status.ok() && connection.in_transaction()) connection.Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace

absl::StatusOr<int64_t> ReadSchemaVersion(SqliteConnection& connection) {
  const absl::StatusOr<int64_t> application = ReadNumber(connection, kReadApplicationId);
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> tables = ReadNumber(connection, kCountTables);
  if (!tables.ok()) return tables.status();
  const absl::StatusOr<int64_t> version = ReadNumber(connection, kReadVersion);
  if (!version.ok()) return version.status();

  const bool fresh = *application == 0 && *tables == 0 && *version == 0;
  if (!fresh && *application != kApplicationId) {
    return absl::FailedPreconditionError("it is another program's database");
  }
  if (*version < 0 || *version > kNewest) {
    return absl::FailedPreconditionError(absl::StrCat("its schema is version ", *version,
                                                      ", written by a newer token-server; this "
                                                      "one knows versions up to ",
                                                      kNewest));
  }
  return *version;
}

int64_t NewestSchemaVersion() { return kNewest; }

absl::Status MigrateSchema(SqliteConnection& connection) {
  const absl::StatusOr<int64_t> version = ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  for (int64_t step = *version; step < kNewest; ++step) {
    if (absl::Status status = RunMigration(connection, kMigrations[step]); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIntegrity(SqliteConnection& connection) {
  const absl::StatusOr<int64_t> code = ReadNumber(connection, kCountCode);
  if (!code.ok()) return code.status();
  if (*code > 0) return absl::FailedPreconditionError("somebody has added triggers or views to it");
  SqliteQuery query(connection, kIntegrity);
  const bool sound = query.Step() && query.Text() == "ok";
  if (!query.status().ok()) return query.status();
  // Its words quote what is stored.
  return sound ? absl::OkStatus() : absl::DataLossError("it is damaged, or not all of it is there");
}

absl::Status CheckSchema(SqliteConnection& connection) {
  const absl::StatusOr<int64_t> version = ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  if (*version == kNewest) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "its schema is version ", *version, ", of an older token-server; this one needs ", kNewest));
}

}  // namespace token_service::store
