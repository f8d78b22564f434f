// What SIGHUP does. Everything that can be refused is looked at first; then everything changes.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/app/config/changes.h"
#include "server/app/config/tls.h"
#include "server/app/policy.h"
#include "server/app/run_and_wait.h"
#include "server/app/token_server.h"
#include "server/store/open_credential_store.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using telemetry::Level;
using telemetry::Log;

}  // namespace

void TokenServer::Reload(absl::StatusOr<ServerConfig> next, absl::FunctionRef<void()> progress) {
  const absl::Status status = next.ok() ? TryReload(*std::move(next), progress) : next.status();
  reloads_.Count(status.ok(), SystemClock().WallNow());
  audit_->Reopen();
  audit_->Write("reload", {{"taken", status.ok()}});
  if (status.ok()) {
    Log(Level::kInfo, "configuration reloaded",
        {{"credentials", config_.credentials.size()},
         {"callers", config_.callers.has_value() ? config_.callers->size() : 0}});
  } else {
    Log(Level::kError, "configuration not reloaded, the old one goes on",
        {{"error", std::string(status.message())}});
  }
  // Files are renewed under either.
  token_files_->Poke();
  if (certificate_ != nullptr) certificate_->Poke();
  store::ReloadKeyring(StoreFiles(), *sqlite_store_);
}

absl::Status TokenServer::TryReload(ServerConfig wanted, absl::FunctionRef<void()> progress) {
  absl::StatusOr<Reconfiguration> to = Reconfigure(config_, std::move(wanted));
  if (!to.ok()) return to.status();
  ServerConfig& next = to->config;
  absl::StatusOr<authz::AccessPolicy> policy = PolicyOf(next);
  if (!policy.ok()) return policy.status();
  std::unique_ptr<tls::ServerCertificate> certificate;
  if (certificate_ != nullptr) {
    auto read = certificate_->ReadOther(*next.tls);
    if (!read.ok()) return PlaceTlsError(read.status(), next);
    certificate = *std::move(read);
  }
  if (absl::Status status = ReloadCredentials(next, progress); !status.ok()) return status;

  // From here on nothing fails.
  policy_->Replace(*std::move(policy));
  watchers_->ReviewAll();
  issuer_->ReviewAll();
  if (certificate_ != nullptr) certificate_->Replace(*next.tls, std::move(certificate));
  telemetry::ConfigureLog(next.log.level, next.log.format);
  issuer_->SetMaxWaiting(static_cast<size_t>(next.limits.waiting_calls));
  watchers_->SetMaxWatchers(static_cast<size_t>(next.limits.watchers));
  scheduler_->SetPerEndpoint(next.limits.refreshes_per_endpoint);
  config_ = std::move(next);
  LimitConnections();
  SetSocketModes();
  WatchTokenFiles();
  for (const std::string& warning : config_.warnings) Log(Level::kWarning, warning);
  if (!to->at_next_start.empty()) {
    Log(Level::kWarning, "these keys were changed, which takes a restart",
        {{"keys", absl::StrJoin(to->at_next_start, " ")}});
  }
  return absl::OkStatus();
}

// In one task among the operators' changes, which must not come between.
absl::Status TokenServer::ReloadCredentials(const ServerConfig& next,
                                            absl::FunctionRef<void()> progress) {
  absl::Status status;
  RunAndWait(*registrar_, [&] {
    absl::StatusOr<CredentialCatalog::Declarations> read =
        CredentialCatalog::ReadFiles(next, progress, absl::SleepFor);
    status = read.ok() ? catalog_->CompareWithStore(next, *read) : read.status();
    if (!status.ok()) return;
    for (const auto& [name, declared] : read->credentials) {
      if (!registry_->Departing(name)) continue;
      status = absl::UnavailableError(absl::StrCat(
          "credential ", name,
          ": the one of this name that was deleted is still being refreshed; try again"));
      return;
    }
    const auto taken = catalog_->PutInForce(*std::move(read), progress);
    if (!taken.ok()) {
      status = taken.status();
      return;
    }
    registry_->TakeUp(taken->stored, progress);
    for (const std::string& name : taken->adopted)
      scheduler_->OnGrantReplaced(name, broker::RefreshScheduler::Hold::kStays);
    // By the rules that are in force from now on.
    scheduler_->OnEvidenceChanged("");
  });
  return status;
}

void TokenServer::SetSocketModes() {
  for (const auto& listener : listeners_) listener->SetSocketMode(config_.unix_socket_mode);
}

}  // namespace token_service::app
