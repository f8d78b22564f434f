#include "server/app/storage.h"

#include <string>
#include <utility>

#include "server/api/api_error.h"
#include "server/base/clock.h"
#include "server/broker/observing_credential_store.h"

namespace token_service::app {

void RemoveNewFiles::operator()(store::NewFiles* files) const {
  files->Remove();
  delete files;
}

store::StoreOptions StoreFilesOf(const ServerConfig& config) {
  return {.data_dir = config.data_dir,
          .key_file = config.sealing_key_file,
          .require_store = config.require_store};
}

absl::StatusOr<Storage> OpenStorage(const ServerConfig& config) {
  store::NewFiles files;
  auto sqlite = store::OpenCredentialStore(StoreFilesOf(config), files);
  // Whatever is wrong with the data directory is of the world, not of the configuration's text.
  if (!sqlite.ok()) return absl::FailedPreconditionError(sqlite.status().message());
  // From here on: to be removed before the store lets the directory go.
  MadeFiles made(new store::NewFiles(std::move(files)));
  auto audit = telemetry::AuditLog::Create({.file = config.audit_file}, SystemClock());
  if (!audit.ok()) return audit.status();
  if ((*audit)->made_file()) made->Note(config.audit_file);

  auto observer = std::make_unique<telemetry::CallObserver>(api::AllOutcomes(), audit->get());
  auto metrics = std::make_unique<telemetry::StoreMetrics>();
  auto credentials =
      std::make_unique<broker::ObservingCredentialStore>(**sqlite, *metrics, SystemClock());
  return Storage{.audit = *std::move(audit),
                 .observer = std::move(observer),
                 .metrics = std::move(metrics),
                 .sqlite = *std::move(sqlite),
                 .credentials = std::move(credentials),
                 .made = std::move(made)};
}

}  // namespace token_service::app
