#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/telemetry/log.h"

namespace token_service::telemetry {

// One line each, without its newline. Pure functions.
//
// JSON (RFC 8259): time (RFC 3339, UTC, milliseconds), level, event, then the fields as given.
// Valid UTF-8 for any input: a byte that is none becomes U+FFFD. A duration is a number of seconds,
// a time RFC 3339; what has no number (infinite, NaN) is null.
std::string JsonLine(absl::Time time, Level level, std::string_view event,
                     absl::Span<const Field> fields);

// The same without a level, for the audit.
std::string JsonLine(absl::Time time, std::string_view event, absl::Span<const Field> fields);

// `TIME LEVEL event key=value…` for people. No control character reaches the terminal.
std::string TextLine(absl::Time time, Level level, std::string_view event,
                     absl::Span<const Field> fields);

}  // namespace token_service::telemetry
