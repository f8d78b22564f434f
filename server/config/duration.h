#pragma once

#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace token_service::app {

// `500ms`, `10s`, `5m`, `24h`, `1h30m`. Nothing for anything else, a negative or an endless one
// among it.
std::optional<absl::Duration> ParseConfigDuration(std::string_view text);

}  // namespace token_service::app
