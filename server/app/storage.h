#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/config/config.h"
#include "server/store/new_files.h"
#include "server/store/sqlite/open_credential_store.h"
#include "server/telemetry/audit_log.h"
#include "server/telemetry/call_observer.h"
#include "server/telemetry/store_metrics.h"

namespace token_service::app {

// Where the configuration has the store and its keys.
store::StoreOptions StoreFilesOf(const ServerConfig& config);

struct RemoveNewFiles {
  void operator()(store::NewFiles* files) const;
};
// What was made on disk where there was nothing: gone again with this, unless it was to stay
// (NewFiles::Keep).
using MadeFiles = std::unique_ptr<store::NewFiles, RemoveNewFiles>;

// What is durable: the store, and the audit. The order of the members is that of their lives: what
// was made in vain is removed while the store has the directory locked. None is null.
struct Storage {
  std::unique_ptr<telemetry::AuditLog> audit;
  std::unique_ptr<telemetry::CallObserver> observer;  // Tells `audit`.
  std::unique_ptr<telemetry::StoreMetrics> metrics;
  std::unique_ptr<store::SqliteCredentialStore> sqlite;
  std::unique_ptr<broker::CredentialStore> credentials;  // `sqlite`, with `metrics` told.
  MadeFiles made;
};

// Opens the store, then the audit; makes what is not there yet. Errors are of the world, never of
// the configuration's text, and leave nothing behind. Blocks.
absl::StatusOr<Storage> OpenStorage(const ServerConfig& config);

}  // namespace token_service::app
