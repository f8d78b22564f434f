#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_record.h"
#include "server/store/sealing/record_sealer.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/transitions.h"

namespace token_service::store {

// A credential's row between being read and being written back, within one transaction: opened on
// the way out, sealed on the way in. What was not changed is written as it lay. Not synchronised.
class OpenedRow {
 public:
  // NOT_FOUND: there is none. One that does not open is marked unreadable.
  static absl::StatusOr<OpenedRow> Read(SqliteConnection& connection, std::string_view name,
                                        const RecordSealer& sealer);
  // Also FAILED_PRECONDITION: it does not open, and is not to be changed.
  static absl::StatusOr<OpenedRow> ReadToChange(SqliteConnection& connection, std::string_view name,
                                                const RecordSealer& sealer);

  absl::Status Write(SqliteConnection& connection, const RecordSealer& sealer) const;

  StoredRow row;

 private:
  OpenedRow(StoredRow opened, broker::CredentialRecord lying)
      : row(std::move(opened)), lying_(std::move(lying)), opened_(row.record.Copy()) {}

  broker::CredentialRecord lying_;   // As it was read.
  broker::CredentialRecord opened_;  // That, opened.
};

}  // namespace token_service::store
