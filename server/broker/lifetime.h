#pragma once

#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/credential_record.h"

namespace token_service::broker {

// The validity a caller that asks for none would like: 60 s or a tenth of the lifetime, whichever
// is less.
absl::Duration PreferredValidity(absl::Duration lifetime);

// The snapshot of a stored token, its wall times carried over to the monotonic clock. Wall clocks
// jump: the token is never taken to live longer than its lifetime from now. Draws when to refresh
// it. `min_refresh_interval`: as configured.
AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, absl::Duration min_refresh_interval,
                               const Clock& clock, absl::BitGenRef random);

// The same for a token just received, whose monotonic time of issue is known.
AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, absl::Duration min_refresh_interval,
                               MonotonicTime issued, absl::BitGenRef random);

}  // namespace token_service::broker
