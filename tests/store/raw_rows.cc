#include "tests/store/raw_rows.h"

#include <gtest/gtest.h>

#include <utility>

#include "server/store/sqlite/credential_rows.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/store_paths.h"

namespace token_service::testing {

store::StoredRow RawRow(const std::string& data_dir, std::string_view name) {
  store::StoredRow found;
  ChangeRawRow(data_dir, name, [&](store::StoredRow& row) {
    found = {.record = row.record.Copy(), .committed_attempt = row.committed_attempt};
  });
  return found;
}

void ChangeRawRow(const std::string& data_dir, std::string_view name,
                  absl::FunctionRef<void(store::StoredRow&)> change) {
  auto connection = store::SqliteConnection::Open({.path = store::DatabasePath(data_dir)});
  ASSERT_TRUE(connection.ok()) << connection.status();
  absl::StatusOr<store::StoredRow> row = store::ReadRow(**connection, name);
  ASSERT_TRUE(row.ok()) << row.status();
  change(*row);
  const absl::Status written = store::UpdateRow(**connection, *row);
  ASSERT_TRUE(written.ok()) << written;
}

}  // namespace token_service::testing
