#include "server/config/changes.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace token_service::app {
namespace {

bool AsksClients(const ServerConfig& config) {
  return config.tls.has_value() && !config.tls->client_ca_file.empty();
}

// Takes the running value where it differs.
template <typename T>
void Keep(const char* key, const T& running, T& next, std::vector<std::string>& at_next_start) {
  if (next == running) return;
  next = running;
  at_next_start.emplace_back(key);
}

}  // namespace

absl::StatusOr<Reconfiguration> Reconfigure(const ServerConfig& running, ServerConfig next) {
  const struct {
    const char* key;
    const std::string& running;
    const std::string& next;
  } of_the_data[] = {{"data_dir", running.data_dir, next.data_dir},
                     {"sealing.key_file", running.sealing_key_file, next.sealing_key_file}};
  for (const auto& k : of_the_data) {
    if (k.next == k.running) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(k.key, ": cannot be changed while the server runs; restart it"));
  }
  Reconfiguration to{.config = std::move(next), .at_next_start = {}};
  Keep("listen", running.listen, to.config.listen, to.at_next_start);
  // Whether clients are asked for certificates is settled when a listener is made.
  if (to.config.tls.has_value() != running.tls.has_value() ||
      AsksClients(to.config) != AsksClients(running)) {
    to.config.tls = running.tls;
    to.at_next_start.emplace_back("tls");
  }
  Keep("metrics.listen", running.metrics_listen, to.config.metrics_listen, to.at_next_start);
  Keep("audit.file", running.audit_file, to.config.audit_file, to.at_next_start);
  const Limits& was = running.limits;
  Limits& limits = to.config.limits;
  Keep("limits.refresh_workers", was.refresh_workers, limits.refresh_workers, to.at_next_start);
  Keep("limits.connect_timeout", was.connect_timeout, limits.connect_timeout, to.at_next_start);
  Keep("limits.exchange_timeout", was.exchange_timeout, limits.exchange_timeout, to.at_next_start);
  Keep("limits.calls_per_connection", was.calls_per_connection, limits.calls_per_connection,
       to.at_next_start);
  Keep("limits.connection_age", was.connection_age, limits.connection_age, to.at_next_start);
  Keep("limits.request_bytes", was.request_bytes, limits.request_bytes, to.at_next_start);
  return to;
}

}  // namespace token_service::app
