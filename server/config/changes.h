#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace token_service::app {

// What becomes of a new configuration while the server runs.
struct Reconfiguration {
  // The new one, but for what only a start can change: that is as it was.
  ServerConfig config;
  // The keys that differ and wait for the next start.
  std::vector<std::string> at_next_start;
};

// INVALID_ARGUMENT, one line: `next` is of another server, with other data (data_dir,
// sealing.key_file).
absl::StatusOr<Reconfiguration> Reconfigure(const ServerConfig& running, ServerConfig next);

}  // namespace token_service::app
