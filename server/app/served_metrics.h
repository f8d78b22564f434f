#pragma once

#include <optional>

#include "server/app/broker.h"
#include "server/app/broker_metrics.h"
#include "server/app/storage.h"
#include "server/app/tls_metrics.h"
#include "server/base/clock.h"
#include "server/posix/listening_sockets.h"
#include "server/telemetry/metrics_page.h"
#include "server/telemetry/process_metrics.h"
#include "server/telemetry/reload_metrics.h"
#include "server/telemetry/server_metrics.h"
#include "server/tls/reloading_certificate.h"

namespace token_service::app {

// What a scraper is shown, and the page it is on. The order of the members is that of their lives.
struct ServedMetrics {
  // Serves nobody yet. All outlive this object; `certificate` null: no TLS. Throws
  // std::system_error when there can be no more threads.
  ServedMetrics(posix::ListeningSockets sockets, const Storage& storage, Broker& broker,
                const telemetry::ReloadMetrics& reloads,
                const tls::ReloadingCertificate* certificate, const Clock& clock);

  BrokerMetrics of_broker;
  telemetry::ServerMetrics of_server;
  telemetry::ProcessMetrics of_process;
  std::optional<TlsMetrics> of_tls;  // Nullopt: no TLS.
  telemetry::MetricsPage page;
};

}  // namespace token_service::app
