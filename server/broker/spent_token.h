#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace token_service::broker {

// Why a refresh token is not taken over: docs/adr/0024-spent-tokens.md.
struct SpentToken {
  enum class Why {
    kSuperseded,     // Another one took its place.
    kMayBeConsumed,  // It was sent, and the answer is lost.
    kHeldElsewhere,  // It is another credential's current one, and cannot be two's.
  };
  Why why = Why::kSuperseded;
  absl::Time since;
};

// One line for people. Names no credential: who is told may not be allowed to know of the other.
std::string Describe(const SpentToken& spent);

// RFC 3339, to the second, in UTC.
std::string SinceText(const SpentToken& spent);

// FAILED_PRECONDITION, and its inverse; nullopt: another error, or none.
absl::Status SpentTokenError(const SpentToken& spent);
std::optional<SpentToken> SpentTokenOf(const absl::Status& status);

}  // namespace token_service::broker
