#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace token_service::store {

// For an SQLite result code (extended or not) that is no success. UNAVAILABLE, or DATA_LOSS for a
// file that is damaged or no database. The text: what we were doing and the code's name.
absl::Status SqliteError(int code, std::string_view doing);

// Whether what failed may have left something written and not durable, or written in part: not when
// a lock was not to be had, nor without memory.
bool MayHaveWritten(const absl::Status& status);

}  // namespace token_service::store
