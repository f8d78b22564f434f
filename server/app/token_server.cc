#include "server/app/token_server.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/app/bound_sockets.h"
#include "server/app/declarations.h"
#include "server/app/every.h"
#include "server/app/health.h"
#include "server/app/policy.h"
#include "server/app/provider.h"
#include "server/app/run_and_wait.h"
#include "server/config/tls.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using telemetry::Level;
using telemetry::Log;

// For what has been answered to be on its way. Clients that look at their connections only when
// they call, and whoever watches health, would stay until they are hung up on.
constexpr absl::Duration kLastAnswers = absl::Milliseconds(100);

// Null: no TLS.
absl::StatusOr<std::unique_ptr<tls::ReloadingCertificate>> OpenCertificate(
    const ServerConfig& config) {
  if (!config.tls.has_value()) return nullptr;
  auto certificate = tls::ReloadingCertificate::Create(*config.tls);
  if (!certificate.ok()) return PlaceTlsError(certificate.status(), config);
  return certificate;
}

absl::StatusOr<Declarations> ReadWhatIsDeclared(const ServerConfig& config,
                                                absl::FunctionRef<void()> progress) {
  auto declared = ReadDeclarations(config, progress, absl::SleepFor);
  if (!declared.ok() || store::IsThereAStore(StoreFilesOf(config))) return declared;
  absl::Status status = CheckTokens(*declared, [](std::string_view) { return false; });
  if (!status.ok()) return status;
  return declared;
}

// Those just made from their files too: such a file may be as old as a lost store.
absl::Status HoldAll(broker::CredentialStore& store,
                     std::vector<broker::CredentialRecord>& records) {
  const absl::Time now = SystemClock().WallNow();
  if (absl::Status held = store.HoldAll(); !held.ok()) return held;
  for (broker::CredentialRecord& record : records) {
    if (!record.held_since.has_value()) record.held_since = now;
  }
  Log(Level::kWarning, "every credential is held: nothing is sent to a provider",
      {{"count", records.size()}});
  return absl::OkStatus();
}

absl::StatusOr<CredentialCatalog::Taken> PutInForce(const ServerConfig& config,
                                                    Declarations declared,
                                                    broker::CredentialStore& store,
                                                    CredentialCatalog& catalog,
                                                    absl::FunctionRef<void()> progress) {
  auto taken = catalog.PutInForce(std::move(declared), progress);
  if (!taken.ok()) return taken.status();
  if (config.hold) {
    if (absl::Status held = HoldAll(store, taken->stored); !held.ok()) return held;
  }
  Log(Level::kInfo, "credentials loaded", {{"count", taken->stored.size()}});
  return taken;
}

}  // namespace

// What is had before anything is made.
struct TokenServer::Inputs {
  std::unique_ptr<tls::ReloadingCertificate> certificate;  // Null: no TLS.
  Declarations declared;
  authz::AccessPolicy policy;
  BoundSockets sockets;
};

absl::StatusOr<std::unique_ptr<TokenServer>> TokenServer::Start(
    ServerConfig config, absl::FunctionRef<void()> progress) {
  auto inputs = ReadInputs(config, progress);
  if (!inputs.ok()) return inputs.status();
  absl::StatusOr<Prepared> prepared;
  try {
    prepared = Prepare(config, *std::move(inputs), progress);
  } catch (const std::system_error& error) {
    return absl::UnavailableError(absl::StrCat("cannot start a thread: ", error.what()));
  }
  if (!prepared.ok()) return prepared.status();
  // Nothing fails from here on, and only from here on a provider is asked for anything.
  CredentialCatalog::Taken credentials = std::move(prepared->credentials);
  std::unique_ptr<TokenServer> server(new TokenServer(std::move(config), *std::move(prepared)));
  server->Begin(std::move(credentials), progress);
  return server;
}

absl::StatusOr<TokenServer::Inputs> TokenServer::ReadInputs(const ServerConfig& config,
                                                            absl::FunctionRef<void()> progress) {
  auto certificate = OpenCertificate(config);
  if (!certificate.ok()) return certificate.status();
  auto declared = ReadWhatIsDeclared(config, progress);
  if (!declared.ok()) return declared.status();
  auto policy = PolicyOf(config);
  if (!policy.ok()) return policy.status();
  auto sockets = BindSockets(config);
  if (!sockets.ok()) return sockets.status();
  return Inputs{.certificate = *std::move(certificate),
                .declared = *std::move(declared),
                .policy = *std::move(policy),
                .sockets = *std::move(sockets)};
}

// Where a step fails, what the steps before it made goes backwards: the sockets, one of which may
// be in a directory that is to go; then what is new on disk; then the lock of the directory.
absl::StatusOr<TokenServer::Prepared> TokenServer::Prepare(const ServerConfig& config,
                                                           Inputs inputs,
                                                           absl::FunctionRef<void()> progress) {
  const Clock& clock = SystemClock();
  auto storage = OpenStorage(config);
  if (!storage.ok()) return storage.status();
  auto sockets = BindTheRest(config, std::move(inputs.sockets));
  if (!sockets.ok()) return sockets.status();
  auto provider = OpenProvider(config.limits, clock);
  if (!provider.ok()) return provider.status();
  auto broker = MakeBroker(*storage, *std::move(provider), config.limits, clock);
  auto surface = OpenSurface(config, *storage, *broker,
                             {.certificate = std::move(inputs.certificate),
                              .policy = std::move(inputs.policy),
                              .sockets = *std::move(sockets)},
                             clock);
  if (!surface.ok()) return surface.status();
  auto credentials = PutInForce(config, std::move(inputs.declared), *storage->credentials,
                                broker->catalog, progress);
  if (!credentials.ok()) return credentials.status();
  if (absl::Status status = surface->Publish(); !status.ok()) return status;
  storage->made->Keep();
  return Prepared{.storage = *std::move(storage),
                  .broker = std::move(broker),
                  .surface = *std::move(surface),
                  .credentials = *std::move(credentials)};
}

TokenServer::TokenServer(ServerConfig config, Prepared prepared)
    : storage_(std::move(prepared.storage)),
      broker_(std::move(prepared.broker)),
      surface_(std::move(prepared.surface)),
      adoption_(broker_->catalog, broker_->scheduler, broker_->registrar),
      reloader_(std::move(config), {.storage = storage_,
                                    .broker = *broker_,
                                    .surface = surface_,
                                    .adoption = adoption_,
                                    .clock = SystemClock()}) {}

void TokenServer::Begin(CredentialCatalog::Taken credentials, absl::FunctionRef<void()> progress) {
  storage_.audit->Write("start", {{"version", TOKEN_SERVICE_VERSION}});
  // One task: a token file that has changed is adopted after it.
  RunAndWait(broker_->registrar, [&] {
    adoption_.Watch(reloader_.in_force().credentials);
    broker_->registry.TakeUp(std::exchange(credentials.stored, {}), progress);
    TellOfAdopted(credentials.adopted, broker_->scheduler);
  });
  surface_.Serve();
  WatchHealth(storage_, *broker_, surface_, SystemClock());
  WatchConnections(*broker_, surface_, SystemClock());
  surface_.reloads->SetTaken(SystemClock().WallNow());
}

void TokenServer::Reload(absl::StatusOr<ServerConfig> next, absl::FunctionRef<void()> progress) {
  reloader_.Reload(std::move(next), progress);
}

void TokenServer::KeepBeating(absl::Duration interval, absl::AnyInvocable<void()> beat) {
  Every(
      interval,
      [this, beat = std::move(beat)]() mutable {
        (void)broker_->scheduler.Status("");  // For its lock: who cannot have it does not live.
        beat();
      },
      broker_->timers, SystemClock());
}

bool TokenServer::Drain() {
  Broker& broker = *broker_;
  Log(Level::kInfo, "draining",
      {{"waiting_calls", static_cast<uint64_t>(broker.issuer.waiting())}});
  surface_.gate->draining.store(true);
  surface_.SetServing(false);
  adoption_.Stop();
  // At once, so that they connect elsewhere.
  broker.watchers.Shutdown();
  const bool done = broker.scheduler.Drain(reloader_.in_force().limits.drain_timeout);
  broker.issuer.Shutdown();
  broker.issuer.RefuseWaiting();
  broker.registry.RefuseWaiting();
  // Operators' changes that have begun are answered too.
  RunAndWait(broker.registrar, [] {});
  surface_.HangUp(absl::Now() + kLastAnswers);
  if (const int lost = broker.scheduler.unpersisted(); lost > 0) {
    Log(Level::kError, "stopping with answers of providers not stored", {{"count", lost}});
  }
  Log(Level::kInfo, "drained", {{"complete", done}});
  storage_.observer->WriteRepeatedDenials(/*all=*/true);
  storage_.audit->Write("stop", {{"complete", done}});
  return done;
}

TokenServer::~TokenServer() {
  surface_.metrics.reset();
  adoption_.Stop();
  surface_.HangUp(absl::Now());
  broker_->StopThreads();
}

}  // namespace token_service::app
