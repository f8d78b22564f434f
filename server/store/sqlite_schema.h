#pragma once

#include "absl/status/status.h"
#include "server/store/sqlite_connection.h"

namespace token_service::store {

// Brings the database to the newest schema, one transaction a step. FAILED_PRECONDITION when the
// file belongs to another program or a newer version of this one wrote it; nothing is changed then.
absl::Status MigrateSchema(SqliteConnection& connection);

// OK when it is the newest schema already; else FAILED_PRECONDITION. Changes nothing.
absl::Status CheckSchema(SqliteConnection& connection);

}  // namespace token_service::store
