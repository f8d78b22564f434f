#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/secret.h"

namespace token_service::app {

// Reads a private key that can sign with `algorithm` (see jose::SigningKey::FromPem), as PEM. The
// errors are as those of ReadTokenFile. Any thread that may block.
absl::StatusOr<Secret> ReadClientKeyFile(const std::string& path, std::string_view algorithm);

}  // namespace token_service::app
