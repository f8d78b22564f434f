#include "server/app/reloader.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/app/declarations.h"
#include "server/app/policy.h"
#include "server/app/run_and_wait.h"
#include "server/config/changes.h"
#include "server/config/tls.h"
#include "server/store/sqlite/open_credential_store.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using telemetry::Level;
using telemetry::Log;

}  // namespace

void Reloader::Reload(absl::StatusOr<ServerConfig> next, absl::FunctionRef<void()> progress) {
  const absl::Status status = next.ok() ? TakeUp(*std::move(next), progress) : next.status();
  parts_.surface.reloads->Count(status.ok(), parts_.clock.WallNow());
  parts_.storage.audit->Reopen();
  parts_.storage.audit->Write("reload", {{"taken", status.ok()}});
  if (status.ok()) {
    Log(Level::kInfo, "configuration reloaded",
        {{"credentials", config_.credentials.size()},
         {"callers", config_.callers.has_value() ? config_.callers->size() : 0}});
  } else {
    Log(Level::kError, "configuration not reloaded, the old one goes on",
        {{"error", std::string(status.message())}});
  }
  // Files are renewed under either.
  parts_.adoption.Poke();
  if (const auto& certificate = parts_.surface.gate->certificate) certificate->Poke();
  store::ReloadKeyring(StoreFilesOf(config_), *parts_.storage.sqlite);
}

// Everything that can be refused is looked at first; then everything changes.
absl::Status Reloader::TakeUp(ServerConfig wanted, absl::FunctionRef<void()> progress) {
  Broker& broker = parts_.broker;
  Gate& gate = *parts_.surface.gate;
  absl::StatusOr<Reconfiguration> to = Reconfigure(config_, std::move(wanted));
  if (!to.ok()) return to.status();
  ServerConfig& next = to->config;
  absl::StatusOr<authz::AccessPolicy> policy = PolicyOf(next);
  if (!policy.ok()) return policy.status();
  std::unique_ptr<tls::ServerCertificate> certificate;
  if (gate.certificate != nullptr) {
    auto read = gate.certificate->ReadOther(*next.tls);
    if (!read.ok()) return PlaceTlsError(read.status(), next);
    certificate = *std::move(read);
  }
  if (absl::Status status = TakeUpCredentials(next, progress); !status.ok()) return status;

  // From here on nothing fails.
  gate.policy.Replace(*std::move(policy));
  broker.watchers.ReviewAll();
  broker.issuer.ReviewAll();
  if (gate.certificate != nullptr) gate.certificate->Replace(*next.tls, std::move(certificate));
  telemetry::ConfigureLog(next.log.level, next.log.format);
  broker.issuer.SetMaxWaiting(static_cast<size_t>(next.limits.waiting_calls));
  broker.watchers.SetMaxWatchers(static_cast<size_t>(next.limits.watchers));
  broker.scheduler.SetPerEndpoint(next.limits.refreshes_per_endpoint);
  config_ = std::move(next);
  LimitConnections(config_.limits, *parts_.surface.guard);
  parts_.surface.SetSocketMode(config_.unix_socket_mode);
  parts_.adoption.Watch(config_.credentials);
  for (const std::string& warning : config_.warnings) Log(Level::kWarning, warning);
  if (!to->at_next_start.empty()) {
    Log(Level::kWarning, "these keys were changed, which takes a restart",
        {{"keys", absl::StrJoin(to->at_next_start, " ")}});
  }
  return absl::OkStatus();
}

// In one task among the operators' changes, which must not come between.
absl::Status Reloader::TakeUpCredentials(const ServerConfig& next,
                                         absl::FunctionRef<void()> progress) {
  Broker& broker = parts_.broker;
  absl::Status status;
  RunAndWait(broker.registrar, [&] {
    absl::StatusOr<Declarations> read = ReadDeclarations(next, progress, absl::SleepFor);
    status = read.status();
    if (!status.ok()) return;
    for (const auto& [name, declared] : read->credentials) {
      if (!broker.registry.Departing(name)) continue;
      status = absl::UnavailableError(absl::StrCat(
          "credential ", name,
          ": the one of this name that was deleted is still being refreshed; try again"));
      return;
    }
    const auto taken = broker.catalog.PutInForce(*std::move(read), progress);
    if (!taken.ok()) {
      status = taken.status();
      return;
    }
    broker.registry.TakeUp(taken->stored, progress);
    TellOfAdopted(taken->adopted, broker.scheduler);
    // By the rules that are in force from now on.
    broker.scheduler.OnEvidenceChanged("");
  });
  return status;
}

}  // namespace token_service::app
