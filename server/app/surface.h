#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/api/grpc_listener.h"
#include "server/app/bound_sockets.h"
#include "server/app/broker.h"
#include "server/app/served_metrics.h"
#include "server/app/storage.h"
#include "server/authz/access_policy.h"
#include "server/authz/policy_in_force.h"
#include "server/config/config.h"
#include "server/net/connection_guard.h"
#include "server/telemetry/reload_metrics.h"
#include "server/tls/reloading_certificate.h"

namespace token_service::app {

// What every call is judged by, at whichever address it comes in. The order of the members is that
// of their lives.
struct Gate {
  // `timers` and `clock` outlive it.
  Gate(std::unique_ptr<tls::ReloadingCertificate> own_certificate, authz::AccessPolicy first_policy,
       const Limits& limits, TimerQueue& timers, const Clock& clock);

  std::atomic<bool> draining = false;
  const std::unique_ptr<tls::ReloadingCertificate> certificate;  // Null: no TLS.
  std::optional<api::CertificateProof> proof;                    // Nullopt: no TLS.
  api::DenialLimit denials;
  std::optional<api::WatchAge> watch_age;  // Nullopt: any.
  authz::PolicyInForce policy;
};

// What the world sees of the server: the addresses it serves at, and its metrics. The order of the
// members is that of their lives.
struct Surface {
  std::unique_ptr<Gate> gate;
  std::unique_ptr<net::ConnectionGuard> guard;
  std::vector<std::unique_ptr<api::GrpcListener>> listeners;
  std::unique_ptr<telemetry::ReloadMetrics> reloads;
  std::unique_ptr<ServedMetrics> metrics;  // Null: not wanted.

  // The unix sockets stand at their paths from now on. Once.
  absl::Status Publish();
  // Answers calls and scrapers from now on, and says in the log where. Once, after Publish.
  void Serve();
  // To whoever asks for the server's health.
  void SetServing(bool serving);
  void SetSocketMode(mode_t mode);
  // No new calls; returns when the last has ended or at `deadline`, when what is left is cancelled.
  // All addresses at once: nobody is to be answered by one listener that was told to leave by
  // another. Blocks.
  void HangUp(absl::Time deadline);
};

// What of a surface is had before anything is made on disk, and `sockets`, some of which are had
// only then.
struct SurfaceParts {
  std::unique_ptr<tls::ReloadingCertificate> certificate;  // Null: no TLS.
  authz::AccessPolicy policy;
  BoundSockets sockets;
};

// Listens, and serves nobody yet. On an error all of it is closed again. `storage`, `broker` and
// `clock` outlive it; nothing of it may go before the broker's threads have stopped, once it has
// served. Throws std::system_error when there can be no more threads.
absl::StatusOr<Surface> OpenSurface(const ServerConfig& config, Storage& storage, Broker& broker,
                                    SurfaceParts parts, const Clock& clock);

// As many connections, and calls that wait and watch, as `limits` says, or as there can be; logs
// when those are fewer.
void LimitConnections(const Limits& limits, net::ConnectionGuard& guard);

}  // namespace token_service::app
