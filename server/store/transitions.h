#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
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
// says that something was written (Begun, Committed). `now`: the moment of the call on the store's
// clock.
//
// Before anything else of Begin: an error, where another credential is meant; an outcome, where its
// refresh token goes elsewhere.
absl::StatusOr<std::optional<broker::BeginOutcome>> CheckMeant(const broker::BeginRequest& request,
                                                               const StoredRow& row);
broker::BeginOutcome ApplyBegin(const broker::BeginRequest& request, const Moment& now,
                                StoredRow& row);
// Instead of ApplyBegin.
broker::FoundSpent ApplyFoundSpent(absl::Time since, std::string_view error_reason, StoredRow& row);
broker::CommitOutcome ApplyCommit(const broker::Rotation& rotation, const Moment& now,
                                  StoredRow& row);
bool ApplyConclude(const broker::Conclusion& conclusion, const Moment& now, StoredRow& row);
bool ApplyRelease(StoredRow& row);
// `known`: of the seed, among what credentials hold and have sent. The row is changed when its seed
// is that of the change and the outcome is not kUnchanged.
broker::SeedOutcome ApplySeed(const broker::AdoptSeed& change, const broker::TokenKnowledge& known,
                              absl::Time now, StoredRow& row);
// Of any change but these two.
bool ApplyChange(const broker::CredentialChange& change, absl::Time now, StoredRow& row);

// The row that CreateCredential makes.
StoredRow NewRow(const broker::CreateCredential& change, absl::Time now);
// Instead, where its refresh token comes from a file and is spent.
StoredRow NewRowWithoutGrant(const broker::CreateCredential& change, absl::Time now);

}  // namespace token_service::store
