#include "server/app/surface.h"

#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "server/authz/caller_identity.h"
#include "server/net/connection_limit.h"
#include "server/net/open_connections.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using telemetry::Level;
using telemetry::Log;

// Without TLS everyone at one address is the same caller.
std::string PlaintextIdentity(const Address& address) {
  const auto* socket = std::get_if<UnixAddress>(&address);
  return socket != nullptr ? std::string(authz::kUnixPrefix) + socket->path
                           : std::string(authz::kAnonymous);
}

template <typename T>
const T* PointerTo(const std::optional<T>& value) {
  return value.has_value() ? &*value : nullptr;
}

api::GrpcListener::Options ListenerOptions(const Address& address, const Limits& limits,
                                           const Gate& gate) {
  const bool is_unix = std::holds_alternative<UnixAddress>(address);
  api::GrpcListener::Options options{.max_request_bytes = limits.request_bytes,
                                     .max_concurrent_streams = limits.calls_per_connection,
                                     .connection_age = limits.connection_age};
  if (gate.certificate != nullptr && !is_unix) {
    options.certificate = gate.certificate.get();
    options.proof = PointerTo(gate.proof);
    options.kind = telemetry::CallerKind::kTls;
  } else {
    options.identity = PlaintextIdentity(address);
    if (is_unix) options.kind = telemetry::CallerKind::kUnix;
  }
  return options;
}

absl::StatusOr<std::unique_ptr<api::GrpcListener>> Listen(posix::ListeningSockets sockets,
                                                          const api::GrpcListener::Options& options,
                                                          Storage& storage, Broker& broker,
                                                          const Gate& gate, const Clock& clock) {
  return api::GrpcListener::Create(std::move(sockets), options,
                                   {.issuer = broker.issuer,
                                    .watchers = broker.watchers,
                                    .cache = broker.cache,
                                    .policy = gate.policy,
                                    .clock = clock,
                                    .draining = gate.draining,
                                    .observer = *storage.observer,
                                    .denials = &gate.denials,
                                    .watch_age = PointerTo(gate.watch_age)},
                                   {.registry = broker.registry,
                                    .issuer = broker.issuer,
                                    .policy = gate.policy,
                                    .clock = clock,
                                    .draining = gate.draining,
                                    .observer = *storage.observer,
                                    .denials = &gate.denials});
}

}  // namespace

Gate::Gate(std::unique_ptr<tls::ReloadingCertificate> own_certificate,
           authz::AccessPolicy first_policy, const Limits& limits, TimerQueue& timers,
           const Clock& clock)
    : certificate(std::move(own_certificate)), denials(clock), policy(std::move(first_policy)) {
  if (certificate != nullptr) proof.emplace(*certificate, clock);
  if (limits.connection_age != absl::InfiniteDuration()) {
    watch_age.emplace(timers, clock, limits.connection_age);
  }
}

absl::StatusOr<Surface> OpenSurface(const ServerConfig& config, Storage& storage, Broker& broker,
                                    SurfaceParts parts, const Clock& clock) {
  const Limits& limits = config.limits;
  auto guard = std::make_unique<net::ConnectionGuard>(net::OpenConnections::OfThisProcess(),
                                                      limits.calls_per_connection);
  LimitConnections(limits, *guard);
  auto gate = std::make_unique<Gate>(std::move(parts.certificate), std::move(parts.policy), limits,
                                     broker.timers, clock);
  std::vector<std::unique_ptr<api::GrpcListener>> listeners;
  for (auto& [i, sockets] : parts.sockets.by_place) {
    auto listener = Listen(std::move(sockets), ListenerOptions(config.listen[i], limits, *gate),
                           storage, broker, *gate, clock);
    if (!listener.ok()) return listener.status();
    listeners.push_back(*std::move(listener));
  }
  auto reloads = std::make_unique<telemetry::ReloadMetrics>();
  std::unique_ptr<ServedMetrics> metrics;
  if (parts.sockets.metrics.has_value()) {
    metrics = std::make_unique<ServedMetrics>(*std::move(parts.sockets.metrics), storage, broker,
                                              *reloads, gate->certificate.get(), clock);
  }
  return Surface{.gate = std::move(gate),
                 .guard = std::move(guard),
                 .listeners = std::move(listeners),
                 .reloads = std::move(reloads),
                 .metrics = std::move(metrics)};
}

void LimitConnections(const Limits& limits, net::ConnectionGuard& guard) {
  guard.AllowCalls(static_cast<size_t>(limits.waiting_calls) +
                   static_cast<size_t>(limits.watchers));
  const int most = net::LimitConnections(limits.connections);
  if (most >= limits.connections) return;
  Log(Level::kWarning, "limits.connections is more than this process may have files open",
      {{"connections", most}});
}

absl::Status Surface::Publish() {
  for (const auto& listener : listeners) {
    if (absl::Status status = listener->Publish(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void Surface::Serve() {
  for (const auto& listener : listeners) {
    listener->SetServing(true);
    listener->Serve();
    Log(Level::kInfo, "serving", {{"address", listener->address()}});
  }
  if (metrics == nullptr) return;
  metrics->page.Serve();
  Log(Level::kInfo, "serving metrics", {{"address", metrics->page.address()}});
}

void Surface::SetServing(bool serving) {
  for (const auto& listener : listeners) listener->SetServing(serving);
}

void Surface::SetSocketMode(mode_t mode) {
  for (const auto& listener : listeners) listener->SetSocketMode(mode);
}

void Surface::HangUp(absl::Time deadline) {
  std::vector<std::thread> threads;
  threads.reserve(listeners.size());
  for (const auto& listener : listeners) {
    threads.emplace_back([&listener, deadline] { listener->Shutdown(deadline); });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace token_service::app
