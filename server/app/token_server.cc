#include "server/app/token_server.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/app/config/tls.h"
#include "server/app/library_logs.h"
#include "server/app/policy.h"
#include "server/app/run_and_wait.h"
#include "server/authz/caller_identity.h"
#include "server/base/secret_memory.h"
#include "server/broker/observing_credential_store.h"
#include "server/broker/observing_token_endpoint.h"
#include "server/http/curl_transport.h"
#include "server/net/connection_limit.h"
#include "server/net/open_connections.h"
#include "server/oauth/oauth_token_endpoint.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using telemetry::Level;
using telemetry::Log;

constexpr std::string_view kVersion = TOKEN_SERVICE_VERSION;
constexpr absl::Duration kHealthInterval = absl::Seconds(1);
// Of the refresh workers: threads that answer go first, and sixteen workers still weigh five of
// them. The median of cached calls while 1,000 credentials a second are refreshed on the same core
// is a quarter less (docs/performance.md).
constexpr int kRefreshNiceness = 5;
// For what has been answered to be on its way. Clients that look at their connections only when
// they call, and whoever watches health, would stay until they are hung up on.
constexpr absl::Duration kLastAnswers = absl::Milliseconds(100);

std::string HolderName() {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  absl::BitGen random;
  return absl::StrCat(host, ":", getpid(), ":", absl::Hex(absl::Uniform<uint32_t>(random)));
}

// Without TLS everyone at one address is the same caller.
std::string PlaintextIdentity(const Address& address) {
  const auto* socket = std::get_if<UnixAddress>(&address);
  return socket != nullptr ? std::string(authz::kUnixPrefix) + socket->path
                           : std::string(authz::kAnonymous);
}

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

std::vector<std::pair<std::string_view, uint64_t>> CutOffConnections() {
  const net::CutOffs& cut_offs = net::OpenConnections::OfThisProcess().cut_offs();
  std::vector<std::pair<std::string_view, uint64_t>> counts;
  for (const net::Breach breach : net::kAllBreaches) {
    counts.emplace_back(net::BreachName(breach), cut_offs.count(breach));
  }
  return counts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TokenServer>> TokenServer::Start(
    ServerConfig config, absl::FunctionRef<void()> progress) {
  auto server = std::unique_ptr<TokenServer>(new TokenServer(std::move(config)));
  // Nothing is made yet.
  if (absl::Status status = server->OpenCertificate(); !status.ok()) return status;
  auto declared = server->ReadDeclarations(progress);
  if (!declared.ok()) return declared.status();
  if (absl::Status status = server->MakePolicy(); !status.ok()) return status;
  if (absl::Status status = server->BindTcp(); !status.ok()) return status;
  absl::Status bound = server->BindUnix(/*in_missing_directories=*/false);
  if (!bound.ok()) return bound;
  // What is made here is gone again if any of it fails.
  store::NewFiles made;
  absl::Status status;
  try {
    status = server->Prepare(*std::move(declared), made, progress);
  } catch (const std::system_error& error) {
    status = absl::UnavailableError(absl::StrCat("cannot start a thread: ", error.what()));
  }
  if (!status.ok()) {
    server->CloseSockets();  // One may be in a directory that is to go.
    made.Remove();           // While the store is open, and the directory ours.
    return status;
  }
  made.Keep();
  // Nothing fails from here on, and only from here on a provider is asked for anything.
  server->Begin(progress);
  return server;
}

absl::Status TokenServer::Prepare(CredentialCatalog::Declarations declared, store::NewFiles& made,
                                  absl::FunctionRef<void()> progress) {
  if (absl::Status status = OpenStore(made); !status.ok()) return status;
  if (absl::Status status = OpenAudit(made); !status.ok()) return status;
  if (absl::Status status = BindUnix(/*in_missing_directories=*/true); !status.ok()) return status;
  if (absl::Status status = WireBroker(); !status.ok()) return status;
  if (absl::Status status = MakeListeners(); !status.ok()) return status;
  MakeMetricsPage();
  if (absl::Status status = PutInForce(std::move(declared), progress); !status.ok()) {
    return status;
  }
  return Publish();
}

void TokenServer::Begin(absl::FunctionRef<void()> progress) {
  audit_->Write("start", {{"version", kVersion}});
  // One task: a token file that has changed is adopted after it.
  RunAndWait(*registrar_, [this, progress] {
    WatchTokenFiles();
    registry_->TakeUp(std::exchange(stored_, {}), progress);
    for (const std::string& name : std::exchange(adopted_, {})) {
      scheduler_->OnGrantReplaced(name, broker::RefreshScheduler::Hold::kStays);
    }
  });
  for (const auto& listener : listeners_) {
    listener->SetServing(true);
    listener->Serve();
    Log(Level::kInfo, "serving", {{"address", listener->address()}});
  }
  if (metrics_page_ != nullptr) {
    metrics_page_->Serve();
    Log(Level::kInfo, "serving metrics", {{"address", metrics_page_->address()}});
  }
  WatchHealth();
  WatchConnections();
  reloads_.SetTaken(SystemClock().WallNow());
}

absl::StatusOr<CredentialCatalog::Declarations> TokenServer::ReadDeclarations(
    absl::FunctionRef<void()> progress) {
  auto declared = CredentialCatalog::ReadFiles(config_, progress, absl::SleepFor);
  if (!declared.ok() || store::IsThereAStore(StoreFiles())) return declared;
  absl::Status status = CredentialCatalog::CheckTokens(config_, *declared);
  if (!status.ok()) return status;
  return declared;
}

absl::Status TokenServer::OpenAudit(store::NewFiles& made) {
  auto audit = telemetry::AuditLog::Create({.file = config_.audit_file}, SystemClock());
  if (!audit.ok()) return audit.status();
  audit_ = *std::move(audit);
  if (audit_->made_file()) made.Note(config_.audit_file);
  observer_ = std::make_unique<telemetry::CallObserver>(api::AllOutcomes(), audit_.get());
  return absl::OkStatus();
}

absl::Status TokenServer::OpenCertificate() {
  if (!config_.tls.has_value()) return absl::OkStatus();
  auto certificate = tls::ReloadingCertificate::Create(*config_.tls);
  if (!certificate.ok()) return PlaceTlsError(certificate.status(), config_);
  certificate_ = *std::move(certificate);
  return absl::OkStatus();
}

store::StoreOptions TokenServer::StoreFiles() const {
  return {.data_dir = config_.data_dir,
          .key_file = config_.sealing_key_file,
          .require_store = config_.require_store};
}

absl::Status TokenServer::OpenStore(store::NewFiles& made) {
  auto store = store::OpenCredentialStore(StoreFiles(), made);
  if (!store.ok()) {
    // Whatever is wrong with the data directory is of the world, not of the configuration's text.
    return absl::FailedPreconditionError(store.status().message());
  }
  sqlite_store_ = *std::move(store);
  store_ = std::make_unique<broker::ObservingCredentialStore>(*sqlite_store_, store_metrics_,
                                                              SystemClock());
  catalog_ = std::make_unique<CredentialCatalog>(*store_, SystemClock());
  return absl::OkStatus();
}

absl::Status TokenServer::WireBroker() {
  const Clock& clock = SystemClock();
  const Limits& limits = config_.limits;
  auto transport = http::CurlTransport::Create(
      {.connect_timeout = limits.connect_timeout, .total_timeout = limits.exchange_timeout});
  if (!transport.ok()) return absl::InternalError(transport.status().message());
  transport_ = *std::move(transport);
  provider_ = std::make_unique<oauth::OAuthTokenEndpoint>(*transport_, clock);
  endpoint_ =
      std::make_unique<broker::ObservingTokenEndpoint>(*provider_, exchange_metrics_, clock);
  refresher_ = std::make_unique<broker::Refresher>(
      broker::Refresher::Options{
          .holder = HolderName(),
          .lease = limits.connect_timeout + limits.exchange_timeout + absl::Seconds(15),
          .send_within = limits.connect_timeout + absl::Seconds(10),
          .longest_exchange = limits.exchange_timeout + absl::Seconds(5),
          .reader = &evidence_reader_},
      *store_, *endpoint_, clock);
  timers_ = std::make_unique<ThreadTimerQueue>(clock);
  workers_ = std::make_unique<broker::WorkerPool>(limits.refresh_workers, kRefreshNiceness);
  scheduler_ = std::make_unique<broker::RefreshScheduler>(
      broker::RefreshScheduler::Options{.workers = limits.refresh_workers,
                                        .per_endpoint = limits.refreshes_per_endpoint},
      *refresher_, cache_, *workers_, *timers_, clock);
  issuer_ = std::make_unique<broker::TokenIssuer>(
      broker::TokenIssuer::Options{.max_waiting = static_cast<size_t>(limits.waiting_calls)},
      cache_, *scheduler_, *timers_, clock);
  watchers_ = std::make_unique<broker::TokenWatchers>(
      broker::TokenWatchers::Options{.max_watchers = static_cast<size_t>(limits.watchers)}, cache_,
      clock);
  scheduler_->AddListener(issuer_.get());
  scheduler_->AddListener(watchers_.get());
  registrar_ = std::make_unique<broker::WorkerPool>(1);
  registry_ = std::make_unique<broker::CredentialRegistry>(*store_, *scheduler_, *catalog_,
                                                           *registrar_, clock);
  registry_->ReadEvidenceWith(&evidence_reader_);
  return absl::OkStatus();
}

absl::Status TokenServer::PutInForce(CredentialCatalog::Declarations declared,
                                     absl::FunctionRef<void()> progress) {
  absl::Status status = catalog_->CompareWithStore(config_, declared);
  if (!status.ok()) return status;
  auto taken = catalog_->PutInForce(std::move(declared), progress);
  if (!taken.ok()) return taken.status();
  if (config_.hold) {
    if (absl::Status held = HoldAll(taken->stored); !held.ok()) return held;
  }
  stored_ = std::move(taken->stored);
  adopted_ = std::move(taken->adopted);
  Log(Level::kInfo, "credentials loaded", {{"count", stored_.size()}});
  return absl::OkStatus();
}

// Those just made from their files too: such a file may be as old as a lost store.
absl::Status TokenServer::HoldAll(std::vector<broker::CredentialRecord>& records) {
  const absl::Time now = SystemClock().WallNow();
  if (absl::Status held = store_->HoldAll(); !held.ok()) return held;
  for (broker::CredentialRecord& record : records) {
    if (!record.held_since.has_value()) record.held_since = now;
  }
  Log(Level::kWarning, "every credential is held: nothing is sent to a provider",
      {{"count", records.size()}});
  return absl::OkStatus();
}

absl::Status TokenServer::MakePolicy() {
  absl::StatusOr<authz::AccessPolicy> policy = PolicyOf(config_);
  if (!policy.ok()) return policy.status();
  policy_ = std::make_unique<authz::PolicyInForce>(*std::move(policy));
  return absl::OkStatus();
}

void TokenServer::LimitConnections() {
  if (guard_ == nullptr) {
    guard_ = std::make_unique<net::ConnectionGuard>(net::OpenConnections::OfThisProcess(),
                                                    config_.limits.calls_per_connection);
  }
  guard_->AllowCalls(static_cast<size_t>(config_.limits.waiting_calls) +
                     static_cast<size_t>(config_.limits.watchers));
  const int wanted = config_.limits.connections;
  const int most = net::LimitConnections(wanted);
  if (most >= wanted) return;
  Log(Level::kWarning, "limits.connections is more than this process may have files open",
      {{"connections", most}});
}

absl::Status TokenServer::BindTcp() {
  for (size_t i = 0; i < config_.listen.size(); ++i) {
    const auto* tcp = std::get_if<TcpAddress>(&config_.listen[i]);
    if (tcp == nullptr) continue;
    auto sockets = posix::ListeningSockets::OnTcp(tcp->host, tcp->port);
    if (!sockets.ok()) return sockets.status();
    bound_.emplace(i, *std::move(sockets));
  }
  if (!config_.metrics_listen.has_value()) return absl::OkStatus();
  const auto& tcp = std::get<TcpAddress>(*config_.metrics_listen);
  auto sockets = posix::ListeningSockets::OnTcp(tcp.host, tcp.port);
  if (!sockets.ok()) {
    return absl::UnavailableError(
        absl::StrCat("metrics.listen: ", std::string(sockets.status().message())));
  }
  bound_for_metrics_ = *std::move(sockets);
  return absl::OkStatus();
}

// A socket may be in the data directory, which is made only when all else can be had.
absl::Status TokenServer::BindUnix(bool in_missing_directories) {
  for (size_t i = 0; i < config_.listen.size(); ++i) {
    const auto* address = std::get_if<UnixAddress>(&config_.listen[i]);
    if (address == nullptr || bound_.contains(i)) continue;
    std::error_code error;
    const auto directory = std::filesystem::path(address->path).parent_path();
    if (!in_missing_directories && !directory.empty() &&
        !std::filesystem::exists(directory, error)) {
      continue;
    }
    auto sockets = posix::ListeningSockets::OnUnix(address->path, config_.unix_socket_mode);
    if (!sockets.ok()) return sockets.status();
    bound_.emplace(i, *std::move(sockets));
  }
  return absl::OkStatus();
}

absl::Status TokenServer::MakeListeners() {
  LimitConnections();
  denials_ = std::make_unique<api::DenialLimit>(SystemClock());
  if (certificate_ != nullptr) {
    proof_ = std::make_unique<api::CertificateProof>(*certificate_, SystemClock());
  }
  if (config_.limits.connection_age != absl::InfiniteDuration()) {
    watch_age_ =
        std::make_unique<api::WatchAge>(*timers_, SystemClock(), config_.limits.connection_age);
  }
  for (auto& [i, sockets] : bound_) {
    const Address& address = config_.listen[i];
    const bool is_unix = std::holds_alternative<UnixAddress>(address);
    const bool tls = certificate_ != nullptr && !is_unix;
    api::GrpcListener::Options options{
        .max_request_bytes = config_.limits.request_bytes,
        .max_concurrent_streams = config_.limits.calls_per_connection,
        .connection_age = config_.limits.connection_age};
    if (tls) {
      options.certificate = certificate_.get();
      options.proof = proof_.get();
      options.kind = telemetry::CallerKind::kTls;
    } else {
      options.identity = PlaintextIdentity(address);
      if (is_unix) options.kind = telemetry::CallerKind::kUnix;
    }
    auto listener = api::GrpcListener::Create(std::move(sockets), options,
                                              {.issuer = *issuer_,
                                               .watchers = *watchers_,
                                               .cache = cache_,
                                               .policy = *policy_,
                                               .clock = SystemClock(),
                                               .draining = draining_,
                                               .observer = *observer_,
                                               .denials = denials_.get(),
                                               .watch_age = watch_age_.get()},
                                              {.registry = *registry_,
                                               .issuer = *issuer_,
                                               .policy = *policy_,
                                               .clock = SystemClock(),
                                               .draining = draining_,
                                               .observer = *observer_,
                                               .denials = denials_.get()});
    if (!listener.ok()) return listener.status();
    listeners_.push_back(*std::move(listener));
  }
  bound_.clear();
  return absl::OkStatus();
}

absl::Status TokenServer::Publish() {
  for (const auto& listener : listeners_) {
    if (absl::Status status = listener->Publish(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void TokenServer::CloseSockets() {
  listeners_.clear();
  bound_.clear();
}

void TokenServer::MakeMetricsPage() {
  if (!bound_for_metrics_.has_value()) return;
  broker_metrics_ =
      std::make_unique<BrokerMetrics>(BrokerMetrics::Parts{.cache = cache_,
                                                           .scheduler = *scheduler_,
                                                           .issuer = *issuer_,
                                                           .watchers = *watchers_,
                                                           .exchanges = exchange_metrics_,
                                                           .clock = SystemClock()});
  server_metrics_ = std::make_unique<telemetry::ServerMetrics>(
      *observer_, *audit_, reloads_, net::RefusedConnections, CutOffConnections);
  process_metrics_ = std::make_unique<telemetry::ProcessMetrics>(std::string(kVersion));
  std::vector<const telemetry::MetricsSource*> sources = {broker_metrics_.get(),
                                                          server_metrics_.get(), &exchange_metrics_,
                                                          &store_metrics_, process_metrics_.get()};
  if (certificate_ != nullptr) {
    tls_metrics_ = std::make_unique<TlsMetrics>(*certificate_, TlsHandshakeFailures());
    sources.push_back(tls_metrics_.get());
  }
  metrics_page_ = std::make_unique<telemetry::MetricsPage>(
      *std::exchange(bound_for_metrics_, std::nullopt),
      telemetry::MetricsPage::Options{.sources = std::move(sources)}, SystemClock());
  metrics_page_->Start();
}

void TokenServer::WatchTokenFiles() {
  std::vector<std::pair<std::string, std::string>> files;
  for (const DeclaredCredential& declared : config_.credentials) {
    if (declared.refresh_token_file.empty()) continue;
    files.emplace_back(declared.settings.name, declared.refresh_token_file);
  }
  if (token_files_ != nullptr && files == token_files_->files()) return;
  token_files_ = std::make_unique<TokenFilePoller>(
      std::move(files), [this](const std::string& credential, const Secret& token) {
        // On the registrar's thread, like all changes.
        bool taken = false;
        RunAndWait(*registrar_, [&] { taken = Adopt(credential, token); });
        return taken;
      });
}

// False: to be tried again.
bool TokenServer::Adopt(const std::string& credential, const Secret& refresh_token) {
  if (!catalog_->Declares(credential)) return true;
  const absl::StatusOr<bool> news = catalog_->AdoptFromFile(credential, refresh_token);
  if (!news.ok()) {
    Log(Level::kError, "refresh token of a file not stored",
        {{"credential", credential}, {"error", std::string(news.status().message())}});
    return absl::IsNotFound(news.status());
  }
  if (*news) scheduler_->OnGrantReplaced(credential, broker::RefreshScheduler::Hold::kStays);
  return true;
}

// Not ready while an answer of the provider is in memory only: another instance should not be
// stopped meanwhile.
void TokenServer::WatchHealth() {
  const bool serving = !draining_.load() && scheduler_->unpersisted() == 0;
  for (const auto& listener : listeners_) listener->SetServing(serving);
  ReviewCallers();
  observer_->WriteRepeatedDenials(/*all=*/false);
  TellOfUnlockedSecrets();
  TellOfRefusedConnections();
  TellOfSuppressedLibraryLogs();
  timers_->At(SystemClock().Now() + kHealthInterval, [this] { WatchHealth(); });
}

// Those whose certificate has ended while they waited, or whom no authority vouches for any more.
void TokenServer::ReviewCallers() {
  if (proof_ == nullptr || !proof_->TakeReview()) return;
  watchers_->ReviewAll();
  issuer_->ReviewAll();
}

void TokenServer::WatchConnections() {
  guard_->Look(SystemClock().Now());
  TellOfCutOffConnections();
  timers_->At(SystemClock().Now() + net::ConnectionGuard::kInterval,
              [this] { WatchConnections(); });
}

void TokenServer::KeepBeating(absl::Duration interval, absl::AnyInvocable<void()> beat) {
  beat_ = std::move(beat);
  BeatAfter(interval);
}

void TokenServer::BeatAfter(absl::Duration interval) {
  timers_->At(SystemClock().Now() + interval, [this, interval] {
    (void)scheduler_->Status("");  // For its lock: who cannot have it does not live.
    beat_();
    BeatAfter(interval);
  });
}

bool TokenServer::Drain() {
  Log(Level::kInfo, "draining", {{"waiting_calls", static_cast<uint64_t>(issuer_->waiting())}});
  draining_.store(true);
  for (const auto& listener : listeners_) listener->SetServing(false);
  token_files_.reset();
  // At once, so that they connect elsewhere.
  watchers_->Shutdown();
  const bool done = scheduler_->Drain(config_.limits.drain_timeout);
  issuer_->Shutdown();
  issuer_->RefuseWaiting();
  registry_->RefuseWaiting();
  // Operators' changes that have begun are answered too.
  RunAndWait(*registrar_, [] {});
  HangUp(absl::Now() + kLastAnswers);
  if (const int lost = scheduler_->unpersisted(); lost > 0) {
    Log(Level::kError, "stopping with answers of providers not stored", {{"count", lost}});
  }
  Log(Level::kInfo, "drained", {{"complete", done}});
  observer_->WriteRepeatedDenials(/*all=*/true);
  audit_->Write("stop", {{"complete", done}});
  return done;
}

// All at once: nobody is to be answered by one listener that was told to leave by another.
void TokenServer::HangUp(absl::Time deadline) {
  std::vector<std::thread> threads;
  threads.reserve(listeners_.size());
  for (const auto& listener : listeners_) {
    threads.emplace_back([&listener, deadline] { listener->Shutdown(deadline); });
  }
  for (std::thread& thread : threads) thread.join();
}

TokenServer::~TokenServer() {
  metrics_page_.reset();
  token_files_.reset();
  HangUp(absl::Now());
  // Callbacks start tasks and tasks arm timers: first no more tasks run, then no more callbacks.
  if (workers_ != nullptr) workers_->Stop();
  if (registrar_ != nullptr) registrar_->Stop();
  timers_.reset();
}

}  // namespace token_service::app
