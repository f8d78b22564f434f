#pragma once

#include <string>
#include <string_view>

#include "server/config/provider_declaration.h"

namespace token_service::app {

// One of server/providers, read when it is first asked for. Null: there is none of this name. Any
// thread.
ProviderDeclarationPtr BuiltinProvider(std::string_view name);

// Whether a built-in provider's token endpoint is there (see broker::OriginOf).
bool IsBuiltinOrigin(std::string_view origin);

// A `providers:` document of what is built in, as it can stand in a configuration: of one, or of
// all when `name` is empty. Empty: there is none of this name.
std::string BuiltinProvidersDocument(std::string_view name);

}  // namespace token_service::app
