#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/sqlite_connection.h"

namespace token_service::store {

// What becomes of a file that is there already.
enum class Existing { kRefuse, kReplace };

// Writes what `from` holds at one moment to a file of its own, mode 0600, that either is whole and
// durable or is not there (or is what it was before); others may read and write meanwhile. Sealed
// values are copied as they are, and nothing that was deleted. ALREADY_EXISTS; UNAVAILABLE: the
// disk is full or fails; DATA_LOSS: `from` is damaged. All name the path.
absl::Status CopyDatabase(SqliteConnection& from, const std::string& path, Existing existing);

// A byte for byte copy of a file that nobody writes, mode 0600, durable; replaces `to`.
absl::Status CopyBytes(const std::string& from, const std::string& to);

}  // namespace token_service::store
