#pragma once

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/config.pb.h"
#include "server/config/source.h"

namespace token_service::app {

// The part of ValidateConfig about `callers`, with the warnings of a file that has none. Reads
// `config.credentials`, `listen` and `tls`.
absl::Status ReadCallers(const token::config::ConfigFile& file, const ConfigSource& source,
                         ServerConfig& config);

}  // namespace token_service::app
