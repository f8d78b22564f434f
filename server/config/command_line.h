#pragma once

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/config/flags.h"

namespace token_service::app {

// The configuration that a command line asks for: that of its file, or one credential `default`
// made of its flags, whose errors are `--FLAG: what is wrong`. One line; exit 2.
absl::StatusOr<ServerConfig> ConfigFromCommandLine(const CommandLine& line);

}  // namespace token_service::app
