#pragma once

#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/transitions.h"

namespace token_service::store {

// Rows of the tables `credentials` and `evidence` (sqlite_schema.cc), in whatever transaction the
// connection is in. NOT_FOUND where there is no such credential, else the connection's errors. A
// row that somebody has given a state of which nothing is known is unreadable, and must not be
// written back.

absl::StatusOr<StoredRow> ReadRow(SqliteConnection& connection, std::string_view name);

// In order of name.
absl::Status ReadEveryRow(SqliteConnection& connection, absl::FunctionRef<void(StoredRow)> visit);

// ALREADY_EXISTS when the name is taken.
absl::Status InsertRow(SqliteConnection& connection, const StoredRow& row);

// The row must exist.
absl::Status UpdateRow(SqliteConnection& connection, const StoredRow& row);

// Those that are not held yet.
absl::Status HoldEveryRow(SqliteConnection& connection, absl::Time since);
// Of those, what the provider replaces at each use, and what was never exchanged.
absl::Status HoldSpendableRows(SqliteConnection& connection, absl::Time since);

absl::StatusOr<int64_t> CountCredentialRows(SqliteConnection& connection);

// With its evidence.
absl::Status DeleteRow(SqliteConnection& connection, std::string_view name);

// Of a credential that exists. At most kMostEvidence are kept; what goes is in the log.
absl::Status InsertEvidence(SqliteConnection& connection, const broker::Evidence& evidence,
                            absl::Time now);
absl::StatusOr<std::vector<broker::Evidence>> ReadEvidenceOf(SqliteConnection& connection,
                                                             std::string_view name);
// Whether it was marked already.
absl::StatusOr<bool> MarkEvidenceSent(SqliteConnection& connection, std::string_view name,
                                      std::string_view id);
absl::Status MarkEvidenceRow(SqliteConnection& connection, std::string_view name,
                             std::string_view id, broker::EvidenceMark mark);
absl::Status DeleteEvidenceRow(SqliteConnection& connection, std::string_view name,
                               std::string_view id);
absl::StatusOr<int64_t> CountEvidenceRows(SqliteConnection& connection, std::string_view name);

}  // namespace token_service::store
