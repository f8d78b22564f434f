#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace token_service::client {

// The one secret in a file, or on standard input for `-`, without the white space around it: argv
// and the environment are for everyone to see. INVALID_ARGUMENT: unreadable, empty or too large;
// names the file, never what is in it. Blocks.
absl::StatusOr<std::string> ReadSecret(const std::string& path);

}  // namespace token_service::client
