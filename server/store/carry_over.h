#pragma once

#include "absl/status/status.h"
#include "server/store/sqlite_connection.h"

namespace token_service::store {

// Takes into a store made from an old copy what the store that it replaces knew and nobody may
// forget: which generations were given, so that none is given twice. Both have the newest schema;
// `to` is in a transaction. Reads `from`, whose errors are returned.
absl::Status CarryOver(SqliteConnection& from, SqliteConnection& to);

}  // namespace token_service::store
