#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/sqlite_connection.h"

namespace token_service::store {

// Brings the database to the newest schema, one transaction a step. FAILED_PRECONDITION when the
// file belongs to another program or a newer version of this one wrote it; nothing is changed then.
absl::Status MigrateSchema(SqliteConnection& connection);

// The version that the file has, from 0 for a fresh one to the newest. Errors as MigrateSchema's.
absl::StatusOr<int64_t> ReadSchemaVersion(SqliteConnection& connection);

// What MigrateSchema makes of any.
int64_t NewestSchemaVersion();

// For a file that comes from elsewhere. DATA_LOSS: it is damaged, or a part of it is missing.
// FAILED_PRECONDITION: it holds code, which none of ours does. Reads all of it.
absl::Status CheckIntegrity(SqliteConnection& connection);

// OK when it is the newest schema already; else FAILED_PRECONDITION. Changes nothing.
absl::Status CheckSchema(SqliteConnection& connection);

}  // namespace token_service::store
