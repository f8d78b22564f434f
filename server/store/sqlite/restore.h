#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/store/sqlite/open_credential_store.h"

namespace token_service::store {

// Whether a store that is there may be replaced.
enum class Overwrite { kNo, kYes };

struct RestoreReport {
  int64_t credentials = 0;
  std::vector<std::string> held;        // Their names.
  std::vector<std::string> unreadable;  // The names of those that do not open.
  std::string kept;  // Where the store that was replaced is now; empty: none was.
  // What that had spent is known to the new one, so that it is sent by no mistake.
  bool knows_what_was_spent = false;
};

// Makes the embedded store from a copy of one, of this schema or of an older one. Either all of it
// is done or nothing is changed, wherever it is stopped. What the provider replaces at each use,
// and what was never exchanged, comes out held: it may have been spent since the copy was made.
//
// Of a store that is replaced it keeps the file, and what the new one has to know: see
// carry_over.h.
//
// Nothing is changed after an error. ALREADY_EXISTS: there is a store. FAILED_PRECONDITION: a
// server owns it, the file is no whole copy of a store, or the keyring lacks a key. Other codes as
// in Keyring::Load; UNAVAILABLE: the disk is full or fails. Blocks.
absl::StatusOr<RestoreReport> Restore(const StoreOptions& options, const std::string& file,
                                      Overwrite overwrite, const Clock& clock);

}  // namespace token_service::store
