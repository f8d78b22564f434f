#include "server/store/sqlite/opened_row.h"

#include <utility>

#include "server/store/sqlite/credential_rows.h"

namespace token_service::store {

absl::StatusOr<OpenedRow> OpenedRow::Read(SqliteConnection& connection, std::string_view name,
                                          const RecordSealer& sealer) {
  absl::StatusOr<StoredRow> row = ReadRow(connection, name);
  if (!row.ok()) return row.status();
  broker::CredentialRecord lying = row->record.Copy();
  sealer.Open(row->record);
  return OpenedRow(*std::move(row), std::move(lying));
}

absl::StatusOr<OpenedRow> OpenedRow::ReadToChange(SqliteConnection& connection,
                                                  std::string_view name,
                                                  const RecordSealer& sealer) {
  absl::StatusOr<OpenedRow> opened = Read(connection, name, sealer);
  if (opened.ok() && opened->row.record.unreadable) {
    return absl::FailedPreconditionError("the credential's sealed fields do not open");
  }
  return opened;
}

absl::Status OpenedRow::Write(SqliteConnection& connection, const RecordSealer& sealer) const {
  return UpdateRow(connection, {.record = sealer.SealChanges(row.record, opened_, lying_),
                                .committed_attempt = row.committed_attempt});
}

}  // namespace token_service::store
