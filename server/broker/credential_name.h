#pragma once

#include <string_view>

namespace token_service::broker {

// [a-z0-9]([a-z0-9._-]{0,62})
bool IsCredentialName(std::string_view name);

}  // namespace token_service::broker
