#pragma once

#include "absl/status/status.h"
#include "server/store/sqlite/sqlite_connection.h"

namespace token_service::store {

// What the store that is replaced knew and a store made from an old copy must not forget. Both have
// the newest schema; `to` is in a transaction. Reads `from`, whose errors are returned.

// Which generations were given, so that none is given twice.
absl::Status CarryGenerations(SqliteConnection& from, SqliteConnection& to);

// Which refresh tokens are spent, or may be, so that none of them is sent. Both remember them by
// the same key.
absl::Status CarrySpentTokens(SqliteConnection& from, SqliteConnection& to);

}  // namespace token_service::store
