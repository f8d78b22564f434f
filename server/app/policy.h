#pragma once

#include "absl/status/statusor.h"
#include "server/authz/access_policy.h"
#include "server/config/config.h"

namespace token_service::app {

// What `callers` says, or that there are none: the configuration's own warnings tell what is so
// then. INVALID_ARGUMENT: entries that contradict each other.
absl::StatusOr<authz::AccessPolicy> PolicyOf(const ServerConfig& config);

}  // namespace token_service::app
