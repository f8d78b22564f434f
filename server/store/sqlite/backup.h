#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/sqlite/open_credential_store.h"

namespace token_service::store {

struct BackupReport {
  int64_t credentials = 0;
  std::vector<std::string> keys;  // The ids of those that open it.
};

// Copies the embedded store as it is at one moment to `file`, sealed, while a server uses it or
// while none does; the owner's lock is left alone. FAILED_PRECONDITION: there is no store, or a
// newer version wrote it. Other codes as in CopyDatabase: a file is never replaced. Blocks.
absl::StatusOr<BackupReport> Backup(const StoreOptions& options, const std::string& file);

}  // namespace token_service::store
