#include "server/store/sqlite/carry_over.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "server/store/sqlite/credential_rows.h"
#include "server/store/sqlite/token_memory.h"
#include "server/store/sqlite/token_rows.h"

namespace token_service::store {
namespace {

constexpr char kRaise[] =
    "UPDATE credentials SET reserved_generation=max(reserved_generation, ?) WHERE name=?";

}  // namespace

absl::Status CarryGenerations(SqliteConnection& from, SqliteConnection& to) {
  absl::Status raised;
  absl::Status read = ReadEveryRow(from, [&](const StoredRow& row) {
    if (!raised.ok()) return;
    const uint64_t given = std::max(row.record.reserved_generation, row.record.generation);
    SqliteQuery query(to, kRaise);
    raised = query.Bind(static_cast<int64_t>(given)).Bind(row.record.name).Run();
  });
  return read.ok() ? raised : read;
}

absl::Status CarrySpentTokens(SqliteConnection& from, SqliteConnection& to) {
  absl::Status status = ReadEverySpentToken(
      from, [&](std::string_view hash, absl::Time since) { return SpendToken(to, hash, since); });
  if (!status.ok()) return status;
  // What is neither spent nor in doubt is live there, and may be given to the new one.
  absl::Status read = ReadEveryRow(from, [&](const StoredRow& row) {
    const std::optional<absl::Time> since = MayBeConsumedSince(row.record);
    if (!status.ok() || !row.record.rotates || !since.has_value()) return;
    const auto held = ReadHeldToken(from, row.record.name);
    if (!held.ok()) {
      status = held.status();
    } else if (held->has_value()) {
      status = SpendToken(to, (*held)->hash, *since);
    }
  });
  return read.ok() ? status : read;
}

}  // namespace token_service::store
