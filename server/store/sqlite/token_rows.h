#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/secret.h"
#include "server/store/sqlite/sqlite_connection.h"

namespace token_service::store {

// What a database remembers of refresh tokens, by their hashes: the current one of each credential
// (table `held_tokens`) and those that must not come back (`spent_tokens`), in whatever transaction
// the connection is in. Errors are the connection's.

struct HeldToken {
  std::string hash;
  bool kept = false;  // The provider took it and left it in use.
};

// Another credential that has the same current refresh token.
struct OtherHolder {
  bool kept = false;
  bool rotates = false;
  std::optional<absl::Time> lease_end;  // Of its attempt on record.
  absl::Time since;                     // When it last changed hands.
};

absl::StatusOr<std::optional<HeldToken>> ReadHeldToken(SqliteConnection& connection,
                                                       std::string_view credential);
// Writes nothing where it is so already.
absl::Status HoldToken(SqliteConnection& connection, std::string_view credential,
                       const HeldToken& held);
absl::StatusOr<std::vector<OtherHolder>> ReadOtherHolders(SqliteConnection& connection,
                                                          std::string_view credential,
                                                          std::string_view hash);

absl::StatusOr<std::optional<absl::Time>> ReadSpentSince(SqliteConnection& connection,
                                                         std::string_view hash);
// The earliest time stays.
absl::Status SpendToken(SqliteConnection& connection, std::string_view hash, absl::Time since);
absl::Status ReadEverySpentToken(
    SqliteConnection& connection,
    absl::FunctionRef<absl::Status(std::string_view hash, absl::Time since)> visit);
// A provider says that it is good.
absl::Status UnspendToken(SqliteConnection& connection, std::string_view hash);

// The sealed key of the hashes; empty: none yet.
absl::StatusOr<Secret> ReadHashKey(SqliteConnection& connection);
absl::Status WriteHashKey(SqliteConnection& connection, const Secret& sealed);

}  // namespace token_service::store
