#include "server/store/carry_over.h"

#include <algorithm>
#include <cstdint>

#include "server/store/credential_rows.h"

namespace token_service::store {
namespace {

constexpr char kRaise[] =
    "UPDATE credentials SET reserved_generation=max(reserved_generation, ?) WHERE name=?";

}  // namespace

absl::Status CarryOver(SqliteConnection& from, SqliteConnection& to) {
  absl::Status raised;
  absl::Status read = ReadEveryRow(from, [&](const StoredRow& row) {
    if (!raised.ok()) return;
    const uint64_t given = std::max(row.record.reserved_generation, row.record.generation);
    SqliteQuery query(to, kRaise);
    raised = query.Bind(static_cast<int64_t>(given)).Bind(row.record.name).Run();
  });
  return read.ok() ? raised : read;
}

}  // namespace token_service::store
