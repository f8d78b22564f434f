#include "server/app/served_metrics.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/app/library_logs.h"
#include "server/net/connection_limit.h"
#include "server/net/open_connections.h"

namespace token_service::app {
namespace {

std::vector<std::pair<std::string_view, uint64_t>> CutOffConnections() {
  const net::CutOffs& cut_offs = net::OpenConnections::OfThisProcess().cut_offs();
  std::vector<std::pair<std::string_view, uint64_t>> counts;
  for (const net::Breach breach : net::kAllBreaches) {
    counts.emplace_back(net::BreachName(breach), cut_offs.count(breach));
  }
  return counts;
}

std::optional<TlsMetrics> OfTls(const tls::ReloadingCertificate* certificate) {
  if (certificate == nullptr) return std::nullopt;
  return TlsMetrics(*certificate, TlsHandshakeFailures());
}

// Null ones are left out.
telemetry::MetricsPage::Options ShowAll(std::vector<const telemetry::MetricsSource*> sources) {
  std::erase(sources, nullptr);
  return {.sources = std::move(sources)};
}

}  // namespace

ServedMetrics::ServedMetrics(posix::ListeningSockets sockets, const Storage& storage,
                             Broker& broker, const telemetry::ReloadMetrics& reloads,
                             const tls::ReloadingCertificate* certificate, const Clock& clock)
    : of_broker(BrokerMetrics::Parts{.cache = broker.cache,
                                     .scheduler = broker.scheduler,
                                     .issuer = broker.issuer,
                                     .watchers = broker.watchers,
                                     .exchanges = broker.exchange_metrics,
                                     .clock = clock}),
      of_server(*storage.observer, *storage.audit, reloads, net::RefusedConnections,
                CutOffConnections),
      of_process(TOKEN_SERVICE_VERSION),
      of_tls(OfTls(certificate)),
      page(std::move(sockets),
           ShowAll({&of_broker, &of_server, &broker.exchange_metrics, storage.metrics.get(),
                    &of_process, of_tls.has_value() ? &*of_tls : nullptr}),
           clock) {
  page.Start();
}

}  // namespace token_service::app
