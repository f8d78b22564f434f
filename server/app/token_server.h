#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/api/grpc_listener.h"
#include "server/app/broker_metrics.h"
#include "server/app/config/config.h"
#include "server/app/credential_catalog.h"
#include "server/app/tls_metrics.h"
#include "server/app/token_file_poller.h"
#include "server/authz/policy_in_force.h"
#include "server/base/thread_timer_queue.h"
#include "server/broker/credential_registry.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/refresher.h"
#include "server/broker/token_cache.h"
#include "server/broker/token_endpoint.h"
#include "server/broker/token_issuer.h"
#include "server/broker/token_watchers.h"
#include "server/broker/worker_pool.h"
#include "server/http/http_transport.h"
#include "server/net/connection_guard.h"
#include "server/oauth/oauth_evidence_reader.h"
#include "server/posix/listening_sockets.h"
#include "server/store/new_files.h"
#include "server/store/open_credential_store.h"
#include "server/telemetry/audit_log.h"
#include "server/telemetry/call_observer.h"
#include "server/telemetry/exchange_metrics.h"
#include "server/telemetry/metrics_page.h"
#include "server/telemetry/process_metrics.h"
#include "server/telemetry/reload_metrics.h"
#include "server/telemetry/server_metrics.h"
#include "server/telemetry/store_metrics.h"
#include "server/tls/reloading_certificate.h"

namespace token_service::app {

// The whole server: wires the rooms, starts, drains.
class TokenServer {
 public:
  // Serves when it returns. INVALID_ARGUMENT: the configuration (exit 2); anything else: the world
  // (exit 1). One line for the operator either way. A start that fails has asked no provider for
  // anything and left nothing behind: docs/adr/0022-start.md. Blocks.
  // `progress` is called again and again while much has to be done.
  static absl::StatusOr<std::unique_ptr<TokenServer>> Start(ServerConfig config,
                                                            absl::FunctionRef<void()> progress);

  ~TokenServer();

  // SIGHUP: serves by `next` from now on, calls in flight undisturbed; or, when any of it cannot be
  // used, by what is in force, and logs why. What only a start can change is logged too. Looks at
  // the files of refresh tokens and certificates and at the keyring either way. Calls `progress` as
  // Start does, perhaps on another thread. Blocks.
  void Reload(absl::StatusOr<ServerConfig> next, absl::FunctionRef<void()> progress);

  // Calls `beat` again and again on the thread of the timers, each time after that thread has had
  // the scheduler's lock. `beat` must not block and must be usable until the server is gone. Once.
  void KeepBeating(absl::Duration interval, absl::AnyInvocable<void()> beat);

  // No new calls; those that wait are answered, an exchange in flight is committed. True: nothing
  // is left undone. Blocks, for limits.drain_timeout at most and a moment.
  bool Drain();

 private:
  explicit TokenServer(ServerConfig config) : config_(std::move(config)) {}

  // The steps of Start, in this order.
  absl::Status OpenCertificate();
  absl::StatusOr<CredentialCatalog::Declarations> ReadDeclarations(
      absl::FunctionRef<void()> progress);
  absl::Status MakePolicy();
  absl::Status BindTcp();
  absl::Status BindUnix(bool in_missing_directories);
  absl::Status Prepare(CredentialCatalog::Declarations declared, store::NewFiles& made,
                       absl::FunctionRef<void()> progress);
  absl::Status OpenStore(store::NewFiles& made);
  absl::Status OpenAudit(store::NewFiles& made);
  absl::Status WireBroker();
  absl::Status MakeListeners();
  absl::Status PutInForce(CredentialCatalog::Declarations declared,
                          absl::FunctionRef<void()> progress);
  absl::Status HoldAll(std::vector<broker::CredentialRecord>& records);
  absl::Status Publish();
  void CloseSockets();
  void Begin(absl::FunctionRef<void()> progress);

  void LimitConnections();
  store::StoreOptions StoreFiles() const;
  void MakeMetricsPage();
  void WatchTokenFiles();
  bool Adopt(const std::string& credential, const Secret& refresh_token);
  absl::Status TryReload(ServerConfig wanted, absl::FunctionRef<void()> progress);
  absl::Status ReloadCredentials(const ServerConfig& next, absl::FunctionRef<void()> progress);
  void SetSocketModes();
  void WatchHealth();
  void ReviewCallers();
  void HangUp(absl::Time deadline);
  void WatchConnections();
  void BeatAfter(absl::Duration interval);

  ServerConfig config_;  // In force; the main thread's.
  telemetry::ReloadMetrics reloads_;
  std::atomic<bool> draining_ = false;

  absl::AnyInvocable<void()> beat_;  // The timer thread's, from KeepBeating on.
  // Told of everything below.
  std::unique_ptr<telemetry::AuditLog> audit_;
  std::unique_ptr<telemetry::CallObserver> observer_;
  telemetry::ExchangeMetrics exchange_metrics_;
  telemetry::StoreMetrics store_metrics_;
  std::unique_ptr<store::SqliteCredentialStore> sqlite_store_;
  std::unique_ptr<broker::CredentialStore> store_;  // Observes sqlite_store_.
  std::unique_ptr<CredentialCatalog> catalog_;
  std::unique_ptr<http::HttpTransport> transport_;
  std::unique_ptr<broker::TokenEndpoint> provider_;
  std::unique_ptr<broker::TokenEndpoint> endpoint_;  // Observes provider_.
  oauth::OAuthEvidenceReader evidence_reader_;
  broker::TokenCache cache_;
  std::unique_ptr<broker::Refresher> refresher_;
  std::unique_ptr<broker::RefreshScheduler> scheduler_;
  std::unique_ptr<broker::TokenIssuer> issuer_;
  std::unique_ptr<broker::TokenWatchers> watchers_;
  // Stopped before what their tasks and callbacks use is gone: see ~TokenServer.
  std::unique_ptr<ThreadTimerQueue> timers_;
  std::unique_ptr<broker::WorkerPool> workers_;
  std::unique_ptr<broker::WorkerPool> registrar_;  // One thread: see CredentialRegistry.
  std::unique_ptr<broker::CredentialRegistry> registry_;
  std::unique_ptr<TokenFilePoller> token_files_;
  std::unique_ptr<tls::ReloadingCertificate> certificate_;  // Null: no TLS.
  // Bound, by place in config_.listen, until a listener has them.
  std::map<size_t, posix::ListeningSockets> bound_;
  std::optional<posix::ListeningSockets> bound_for_metrics_;
  std::vector<broker::CredentialRecord> stored_;  // From PutInForce to Begin, and what follows.
  std::vector<std::string> adopted_;
  std::unique_ptr<api::CertificateProof> proof_;  // Null: no TLS.
  std::unique_ptr<api::DenialLimit> denials_;
  std::unique_ptr<api::WatchAge> watch_age_;  // Null: any.
  std::unique_ptr<authz::PolicyInForce> policy_;
  std::vector<std::unique_ptr<api::GrpcListener>> listeners_;
  std::unique_ptr<net::ConnectionGuard> guard_;  // Looks on the timer thread.
  std::unique_ptr<BrokerMetrics> broker_metrics_;
  std::unique_ptr<TlsMetrics> tls_metrics_;  // Null: no TLS.
  std::unique_ptr<telemetry::ServerMetrics> server_metrics_;
  std::unique_ptr<telemetry::ProcessMetrics> process_metrics_;
  std::unique_ptr<telemetry::MetricsPage> metrics_page_;  // Null: not wanted.
};

}  // namespace token_service::app
