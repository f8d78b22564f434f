#pragma once

#include <string_view>

namespace token_service::app {

inline constexpr std::string_view kVersion = TOKEN_SERVICE_VERSION;

}  // namespace token_service::app
