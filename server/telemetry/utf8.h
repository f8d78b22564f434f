#pragma once

#include <cstddef>
#include <string_view>

namespace token_service::telemetry {

// The length of the well-formed UTF-8 sequence (RFC 3629 section 4) that `text` starts with; 0: it
// starts with none.
size_t Utf8Length(std::string_view text);

}  // namespace token_service::telemetry
