#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/store/sealing/key_needs.h"
#include "server/store/sqlite/sqlite_connection.h"

namespace token_service::store {

// The stored rows by the keys that sealed them, and the table `loaded_keys`, in whatever
// transaction the connection is in. Errors are the connection's.

// Of everything stored. Looks at all of it.
absl::StatusOr<KeyNeeds> ReadKeyNeeds(SqliteConnection& connection);

// The keys on record, the sealing one first.
absl::StatusOr<std::vector<KeyFact>> ReadKeyFacts(SqliteConnection& connection);
absl::Status WriteKeyFacts(SqliteConnection& connection, const std::vector<KeyFact>& loaded);

// CheckKeys of what is stored. In a transaction that writes nothing can change between the look and
// what follows.
absl::Status CheckKeysOf(SqliteConnection& connection, const std::vector<KeyFact>& loaded);

// At most `most` credentials, in order of name, that come after `after` and of which something is
// sealed with another key than `key`.
absl::StatusOr<std::vector<std::string>> NamesNotUnder(SqliteConnection& connection,
                                                       std::string_view key, std::string_view after,
                                                       size_t most);

// The same of quarantined answers, by their row's id, which is positive.
absl::StatusOr<std::vector<int64_t>> EvidenceNotUnder(SqliteConnection& connection,
                                                      std::string_view key, int64_t after,
                                                      size_t most);

// Name, generation and body. NOT_FOUND when it is gone.
absl::StatusOr<broker::Evidence> ReadEvidence(SqliteConnection& connection, int64_t id);
absl::Status UpdateEvidenceBody(SqliteConnection& connection, int64_t id, const Secret& body);

absl::StatusOr<int64_t> CountRows(SqliteConnection& connection);  // Of both tables.

}  // namespace token_service::store
