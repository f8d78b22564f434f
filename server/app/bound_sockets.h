#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/posix/listening_sockets.h"

namespace token_service::app {

// What is bound of a configuration's addresses, until somebody serves there.
struct BoundSockets {
  std::map<size_t, posix::ListeningSockets> by_place;  // In ServerConfig::listen.
  std::optional<posix::ListeningSockets> metrics;      // Nullopt: not wanted.
};

// Makes no directory, and so leaves out the unix sockets whose directory is not there. Errors as of
// ListeningSockets.
absl::StatusOr<BoundSockets> BindSockets(const ServerConfig& config);

// Those that were left out as well. On an error all of them are closed.
absl::StatusOr<BoundSockets> BindTheRest(const ServerConfig& config, BoundSockets bound);

}  // namespace token_service::app
