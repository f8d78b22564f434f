#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace token_service {

// Debian builds Abseil with a string_view of its own, which its containers and functions want.
inline absl::string_view AbslView(std::string_view view) { return {view.data(), view.size()}; }

}  // namespace token_service
