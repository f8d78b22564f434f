#pragma once

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/config/config.pb.h"
#include "server/config/source.h"

namespace token_service::app {

// The second stage: what the schema cannot say (sections 7 and 11 of the design). `source` holds
// the lines of `file`'s keys, or stands for flags. Opens nothing. Errors as ParseConfig's.
absl::StatusOr<ServerConfig> ValidateConfig(const token::config::ConfigFile& file,
                                            const ConfigSource& source);

}  // namespace token_service::app
