#pragma once

#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace token_service::http {

// The value of a Retry-After header: seconds or an HTTP-date in any of its three formats (RFC 9110
// sections 10.2.3 and 5.6.7). A date that has passed is zero, and more than a day is a day: a slip
// of the provider's must not put a credential out of use for good. Nullopt: neither.
std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now);

}  // namespace token_service::http
