#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/telemetry/metrics_sink.h"

namespace token_service::telemetry {

// GET /metrics over HTTP, in Prometheus' text format, and nothing else. Served by four threads of
// its own, at a lower priority than the rest of the process: a scraper that is slow, or many, or
// hostile, waits for itself.
class MetricsPage {
 public:
  struct Options {
    std::string address;                        // `127.0.0.1:9464`, `localhost:0`; no IPv6.
    std::vector<const MetricsSource*> sources;  // In this order. Outlive the page.
  };

  // UNAVAILABLE: the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsPage>> Create(Options options);
  // After scrapes under way have ended.
  ~MetricsPage();

  // As bound, with the real port.
  const std::string& address() const { return address_; }

 private:
  struct Impl;

  MetricsPage();

  std::string address_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace token_service::telemetry
