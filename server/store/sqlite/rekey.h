#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/store/sqlite/open_credential_store.h"

namespace token_service::store {

// What Rekey came to, as one look at the whole store found it at the end.
struct RekeyReport {
  struct Key {
    std::string id;
    int64_t values = 0;  // Sealed values that still need it.
  };

  int64_t rows = 0;      // Credentials and quarantined answers.
  int64_t resealed = 0;  // Of those; by this run.
  // The keyring's, in order, then what else is needed.
  std::vector<Key> keys;
  // Rows that do not open, left as they are: `credential "x"`.
  std::vector<std::string> unreadable;
  // Copies sealed with other keys, overwritten or deleted since, are gone from the files too.
  bool purged = false;

  // No key but the first is needed.
  bool done() const;
};

// Seals anew with the keyring's first key whatever in the embedded store is sealed with another,
// while a server uses the store or while none does. In small transactions, each of which stands by
// itself: stopped anywhere, it can be run again and goes on with what is left.
//
// Between two transactions it calls `pause` with the time the last one took: the server wants to
// write too. FAILED_PRECONDITION, with a text for the operator and nothing more written: the server
// does not seal with that key (yet); a key is missing; there is no store. UNAVAILABLE: the database
// failed or is busy. Other codes as in Keyring::Load. Blocks.
absl::StatusOr<RekeyReport> Rekey(const StoreOptions& options, const Clock& clock,
                                  absl::FunctionRef<void(absl::Duration)> pause);

}  // namespace token_service::store
