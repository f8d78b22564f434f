#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/broker/credential_store.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/transitions.h"

namespace token_service::store {

// What a change makes of the memory of refresh tokens (docs/adr/0024-spent-tokens.md), in the
// transaction that the change is made in. `hash`: of the refresh token in question, by TokenHasher.

// What a token given to this credential comes to. `row`: null where there is none of the name yet.
absl::StatusOr<broker::TokenKnowledge> KnowToken(SqliteConnection& connection,
                                                 std::string_view credential, const StoredRow* row,
                                                 std::string_view hash, bool from_file);

// After the row is in, where KnowToken has found nothing against it.
absl::Status RememberCreated(SqliteConnection& connection, std::string_view credential,
                             std::string_view hash);
// Of a file's, that ApplySeed has adopted.
absl::Status RememberAdopted(SqliteConnection& connection, std::string_view credential,
                             std::string_view hash, absl::Time now);

// Before the row is changed. SpentTokenError: it must not be. False: nor need it be.
absl::StatusOr<bool> RememberGranted(SqliteConnection& connection,
                                     const broker::ReplaceGrant& change, const std::string& hash,
                                     const StoredRow& row, absl::Time now);

// Before anything else is begun. Nullopt: nothing speaks against sending the refresh token.
absl::StatusOr<std::optional<broker::BeginOutcome>> RememberSent(
    SqliteConnection& connection, const broker::BeginRequest& request, const std::string& hash,
    absl::Time now, StoredRow& row);

// A refresh token found in an answer is about to be sent; `sent_before`: it was already.
// SpentTokenError: it must not be.
absl::Status RememberCandidate(SqliteConnection& connection, const StoredRow& row,
                               std::string_view hash, bool sent_before, absl::Time now);

// After a commit that was no repetition; `sent`: when its request was.
absl::Status RememberCommitted(SqliteConnection& connection, const broker::Rotation& rotation,
                               const std::string& hash, absl::Time sent);

// When the current refresh token may have been consumed, if so.
std::optional<absl::Time> MayBeConsumedSince(const broker::CredentialRecord& record);

// Before the row goes.
absl::Status RememberDeleted(SqliteConnection& connection, const StoredRow& row, absl::Time now);

}  // namespace token_service::store
