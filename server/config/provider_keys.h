#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/config/config.pb.h"
#include "server/config/provider_declaration.h"
#include "server/config/source.h"

namespace token_service::app {

// Checks what stands at `path` (empty: at the top) of the configuration or of a built-in provider's
// file. `like` has been followed already.
absl::StatusOr<ProviderDeclaration> ReadProvider(const token::config::Provider& from,
                                                 const std::string& path,
                                                 const ConfigSource& source);

}  // namespace token_service::app
