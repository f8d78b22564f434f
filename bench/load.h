#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace token_service::bench {

struct LoadOptions {
  std::string server;  // host:port or unix:/path.
  // PEM files. Without an authority: plaintext; certificate and key go together.
  std::string tls_ca_file, tls_certificate_file, tls_private_key_file;
  // To be asked for in turn, each once at most if there is more than one. None: the server's
  // default.
  std::vector<std::string> credentials;
  int connections = 1;
  int concurrency = 32;  // Calls under way at once, dealt out over the connections.
  absl::Duration duration = absl::Seconds(5);
  int64_t calls = 0;  // At most so many; 0: as many as fit into `duration`.
};

struct LoadResult {
  int64_t calls = 0;
  int64_t errors = 0;
  std::string first_error;  // Of one failed call, for people.
  absl::Duration elapsed;   // From the first call's start to the last one's end.
  size_t response_bytes = 0;
  size_t token_bytes = 0;
  std::vector<int64_t> latencies_ns;  // Of each call that did not fail, sorted.

  double CallsPerSecond() const;
  // The latency that the fraction `q` of the calls did not exceed. Zero when there is none.
  absl::Duration Quantile(double q) const;
};

// Calls GetAccessToken over and over, each caller starting its next call when the last has ended (a
// closed loop). A caller whose call failed stops. Connects first; returns when every caller has
// stopped.
LoadResult RunLoad(const LoadOptions& options);

}  // namespace token_service::bench
