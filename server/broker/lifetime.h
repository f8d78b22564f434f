#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/credential_record.h"

namespace token_service::broker {

// The validity a caller that asks for none would like: 60 s or a tenth of the lifetime, whichever
// is less.
absl::Duration PreferredValidity(absl::Duration lifetime);

// When a moment of the wall clock was, on the clock of this process. Nullopt: it lies ahead, so the
// wall clock was set back since, and nobody knows how long ago it was. (Replicas' clocks may differ
// a little.)
std::optional<MonotonicTime> FromWall(absl::Time time, const Clock& clock);

// The snapshot of a stored token, its wall times carried over to the monotonic clock. Wall clocks
// jump: one that was set back says nothing of the token's age, so it counts as expired.
// `min_refresh_interval`: as configured.
AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, absl::Duration min_refresh_interval,
                               const Clock& clock);

// The same for a token just received, whose monotonic time of issue is known.
AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, absl::Duration min_refresh_interval,
                               MonotonicTime issued);

}  // namespace token_service::broker
