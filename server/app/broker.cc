#include "server/app/broker.h"

#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace token_service::app {
namespace {

// Of the refresh workers: threads that answer go first, and sixteen workers still weigh five of
// them. The median of cached calls while 1,000 credentials a second are refreshed on the same core
// is a quarter less (docs/performance.md).
constexpr int kRefreshNiceness = 5;

std::string HolderName() {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  absl::BitGen random;
  return absl::StrCat(host, ":", getpid(), ":", absl::Hex(absl::Uniform<uint32_t>(random)));
}

broker::Refresher::Options RefresherOptions(const Limits& limits,
                                            const broker::EvidenceReader& reader) {
  return {.holder = HolderName(),
          .lease = limits.connect_timeout + limits.exchange_timeout + absl::Seconds(15),
          .send_within = limits.connect_timeout + absl::Seconds(10),
          .longest_exchange = limits.exchange_timeout + absl::Seconds(5),
          .reader = &reader};
}

}  // namespace

Broker::Broker(Storage& storage, Provider owned, const Limits& limits, const Clock& clock)
    : provider(std::move(owned)),
      endpoint(*provider.endpoint, exchange_metrics, clock),
      catalog(*storage.credentials, clock),
      refresher(RefresherOptions(limits, evidence_reader), *storage.credentials, endpoint, clock),
      timers(clock),
      workers(limits.refresh_workers, kRefreshNiceness),
      registrar(1),
      scheduler({.workers = limits.refresh_workers, .per_endpoint = limits.refreshes_per_endpoint},
                refresher, cache, workers, timers, clock),
      issuer({.max_waiting = static_cast<size_t>(limits.waiting_calls)}, cache, scheduler, timers,
             clock),
      watchers({.max_watchers = static_cast<size_t>(limits.watchers)}, cache, clock),
      registry(*storage.credentials, scheduler, catalog, registrar, clock) {
  scheduler.AddListener(&issuer);
  scheduler.AddListener(&watchers);
  registry.ReadEvidenceWith(&evidence_reader);
}

Broker::~Broker() { StopThreads(); }

void Broker::StopThreads() {
  // Callbacks start tasks and tasks arm timers: first no more tasks run, then no more callbacks.
  workers.Stop();
  registrar.Stop();
  timers.Stop();
}

std::unique_ptr<Broker> MakeBroker(Storage& storage, Provider provider, const Limits& limits,
                                   const Clock& clock) {
  return std::make_unique<Broker>(storage, std::move(provider), limits, clock);
}

}  // namespace token_service::app
