#pragma once

#include <optional>

#include "absl/time/time.h"
#include "server/broker/provider_rules.h"
#include "server/oauth/answer_members.h"

namespace token_service::oauth {

// How long something lives, as answers tell it.

// More counts as that.
inline constexpr absl::Duration kLongestLifetime = absl::Hours(24 * 36500);

// A number of units, or a string that is one. One that can be no such length is a date: see
// LifetimeUntil. Nullopt: it says nothing, or nothing with sense.
std::optional<absl::Duration> LifetimeOf(const AnswerMember& member, broker::TimeUnit unit,
                                         absl::Time now);

// Until a date: seconds or milliseconds since 1970, told apart by their size; or RFC 3339, also
// with a space for its T and without a zone, which is UTC then. Nullopt: it is none, or gone by.
std::optional<absl::Duration> LifetimeUntil(const AnswerMember& member, absl::Time now);

}  // namespace token_service::oauth
