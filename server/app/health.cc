#include "server/app/health.h"

#include <atomic>
#include <cstdint>

#include "server/app/every.h"
#include "server/app/library_logs.h"
#include "server/base/secret_memory.h"
#include "server/net/connection_limit.h"
#include "server/net/open_connections.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using telemetry::Level;
using telemetry::Log;

constexpr absl::Duration kHealthInterval = absl::Seconds(1);

// Once: it does not get better.
void TellOfUnlockedSecrets() {
  static std::atomic<bool> told = false;
  const SecretMemoryUse use = GetSecretMemoryUse();
  if (use.unlocked == 0 || told.exchange(true)) return;
  Log(Level::kWarning,
      "not all secrets fit into locked memory and they may be swapped out: raise RLIMIT_MEMLOCK",
      {{"locked_bytes", use.locked}, {"unlocked_bytes", use.unlocked}});
}

// Each second at most.
void TellOfRefusedConnections() {
  static std::atomic<uint64_t> told = 0;
  const uint64_t refused = net::RefusedConnections();
  const uint64_t before = told.exchange(refused);
  if (refused == before) return;
  Log(Level::kWarning, "connections closed at once, there are too many",
      {{"connections", refused - before}});
}

void TellOfCutOffConnections() {
  for (const auto& [who, connections] : net::OpenConnections::OfThisProcess().cut_offs().Take()) {
    Log(Level::kWarning, "connections cut off",
        {{"why", net::BreachName(who.first)}, {"peer", who.second}, {"connections", connections}});
  }
}

// Those whose certificate has ended while they waited, or whom no authority vouches for any more.
void ReviewCallers(Gate& gate, Broker& broker) {
  if (!gate.proof.has_value() || !gate.proof->TakeReview()) return;
  broker.watchers.ReviewAll();
  broker.issuer.ReviewAll();
}

// Not ready while an answer of the provider is in memory only: another instance should not be
// stopped meanwhile.
void LookAtHealth(Storage& storage, Broker& broker, Surface& surface) {
  surface.SetServing(!surface.gate->draining.load() && broker.scheduler.unpersisted() == 0);
  ReviewCallers(*surface.gate, broker);
  storage.observer->WriteRepeatedDenials(/*all=*/false);
  TellOfUnlockedSecrets();
  TellOfRefusedConnections();
  TellOfSuppressedLibraryLogs();
}

}  // namespace

void WatchHealth(Storage& storage, Broker& broker, Surface& surface, const Clock& clock) {
  const auto look = [&storage, &broker, &surface] { LookAtHealth(storage, broker, surface); };
  look();
  Every(kHealthInterval, look, broker.timers, clock);
}

void WatchConnections(Broker& broker, Surface& surface, const Clock& clock) {
  const auto look = [&surface, &clock] {
    surface.guard->Look(clock.Now());
    TellOfCutOffConnections();
  };
  look();
  Every(net::ConnectionGuard::kInterval, look, broker.timers, clock);
}

}  // namespace token_service::app
