#pragma once

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/config.pb.h"
#include "server/config/source.h"

namespace token_service::app {

// The part of ValidateConfig about `limits`.
absl::Status ReadLimits(const token::config::ConfigFile& file, const ConfigSource& source,
                        ServerConfig& config);

// A duration within bounds, both included. INVALID_ARGUMENT names the key and the bounds.
absl::StatusOr<absl::Duration> ReadDuration(const google::protobuf::Duration& value,
                                            const std::string& key, absl::Duration least,
                                            absl::Duration most, const ConfigSource& source);

}  // namespace token_service::app
