#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "server/broker/credential_store.h"

namespace token_service::store {

// A credential as a database holds it.
struct StoredRow {
  broker::CredentialRecord record;
  std::string committed_attempt;  // Whose commit made the current generation.
};

// What each of CredentialStore's calls makes of a row. No I/O: a store reads the row, applies one
// of these, and writes the row back within one transaction when the answer is `true` or the outcome
// says that something was written (Begun, Committed).
broker::BeginOutcome ApplyBegin(const broker::BeginRequest& request, StoredRow& row);
// Instead of ApplyBegin.
broker::FoundSpent ApplyFoundSpent(absl::Time since, std::string_view error_reason, StoredRow& row);
broker::CommitOutcome ApplyCommit(const broker::Rotation& rotation, StoredRow& row);
bool ApplyConclude(const broker::Conclusion& conclusion, StoredRow& row);
bool ApplyRelease(StoredRow& row);
// Of any change but a creation. `now`: on the store's clock.
bool ApplyChange(const broker::CredentialChange& change, absl::Time now, StoredRow& row);

// The row that CreateCredential makes.
StoredRow NewRow(const broker::CredentialRecord& record);

}  // namespace token_service::store
