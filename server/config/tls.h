#pragma once

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/config.pb.h"
#include "server/config/source.h"

namespace token_service::app {

// The part of ValidateConfig about `tls`.
absl::Status ReadTls(const token::config::ConfigFile& file, const ConfigSource& source,
                     ServerConfig& config);

// An error of tls::ReadServerCertificate, with the place of its key in the configuration.
absl::Status PlaceTlsError(const absl::Status& error, const ServerConfig& config);

}  // namespace token_service::app
