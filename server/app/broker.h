#pragma once

#include <memory>

#include "server/app/credential_catalog.h"
#include "server/app/provider.h"
#include "server/app/storage.h"
#include "server/base/clock.h"
#include "server/base/thread_timer_queue.h"
#include "server/base/worker_pool.h"
#include "server/broker/credential_registry.h"
#include "server/broker/observing_token_endpoint.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/refresher.h"
#include "server/broker/token_cache.h"
#include "server/broker/token_issuer.h"
#include "server/broker/token_watchers.h"
#include "server/config/config.h"
#include "server/oauth/oauth_evidence_reader.h"
#include "server/telemetry/exchange_metrics.h"

namespace token_service::app {

// The heart of the server, put together. The order of the members is that of their lives; the
// threads have stopped before any of it goes.
struct Broker {
  Broker(Storage& storage, Provider owned, const Limits& limits, const Clock& clock);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // No task and no callback runs from now on, here or in whatever else uses the threads. To be
  // called before what they use goes that lives outside. More than once does no harm. Blocks.
  void StopThreads();

  Provider provider;
  telemetry::ExchangeMetrics exchange_metrics;
  broker::ObservingTokenEndpoint endpoint;  // That of `provider`, with `exchange_metrics` told.
  oauth::OAuthEvidenceReader evidence_reader;
  CredentialCatalog catalog;
  broker::TokenCache cache;
  broker::Refresher refresher;
  ThreadTimerQueue timers;
  WorkerPool workers;
  WorkerPool registrar;  // One thread: see CredentialRegistry.
  broker::RefreshScheduler scheduler;
  broker::TokenIssuer issuer;
  broker::TokenWatchers watchers;
  broker::CredentialRegistry registry;
};

// Knows no credential and has nothing to do yet. `storage` and `clock` outlive it. Throws
// std::system_error when there can be no more threads.
std::unique_ptr<Broker> MakeBroker(Storage& storage, Provider provider, const Limits& limits,
                                   const Clock& clock);

}  // namespace token_service::app
