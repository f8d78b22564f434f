#pragma once

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/config.pb.h"
#include "server/config/source.h"

namespace token_service::app {

// The part of ValidateConfig about `defaults` and `credentials`.
absl::Status ReadCredentials(const token::config::ConfigFile& file, const ConfigSource& source,
                             ServerConfig& config);

}  // namespace token_service::app
