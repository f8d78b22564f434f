#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/credential.h"
#include "server/broker/credential_record.h"

namespace token_service::broker {

// The validity a caller that asks for none would like: 60 s or a tenth of the lifetime, whichever
// is less; of a token that is replaced later than that, no more than its `refresh_before`.
absl::Duration PreferredValidity(absl::Duration lifetime);
absl::Duration PreferredValidity(const AccessToken& token);

TokenTiming TimingOf(const CredentialSettings& settings);

// From then on a token is asked for even where the provider finds it too early: `refresh_before`
// its end, or in the last twentieth of its life.
MonotonicTime LastChance(const AccessToken& token);

// How much of a told lifetime is sure, from when the request was sent. A provider that counts whole
// seconds counts from the one in which it answers, which may have begun up to a second before our
// request was sent; one that rounds what it tells is off by no more. Of less than two seconds half
// is left: none would be no token.
absl::Duration SureLifetime(absl::Duration told);

// When a stored moment was, on the clock of this process, whatever the wall clock says. Nullopt: of
// another boot of the machine, or of none that is known.
std::optional<MonotonicTime> OnThisBoot(const Moment& moment, const Clock& clock);

// Since when there is doubt: what is not of this boot, no replay window reaches.
MonotonicTime DoubtSince(const Moment& moment, const Clock& clock);

// When a credential was last refreshed, or made. Where only the wall clock can tell and it was set
// back since, `keepalive` ago: it may be that long.
MonotonicTime LastRefresh(const CredentialRecord& record, absl::Duration keepalive,
                          const Clock& clock);

// The snapshot of a stored token. One of another boot has nothing but the wall clock to tell its
// age by; by that it counts as a minute older, as much as clocks may differ or be corrected, and if
// that was set back by more, as expired. `expire_time` is by the wall clock of now.
// `timing`: as configured.
AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, const TokenTiming& timing,
                               const Clock& clock);

// The same for a token just received, whose monotonic time of issue is known.
AccessTokenPtr MakeAccessToken(std::string_view credential, uint64_t generation,
                               const StoredToken& stored, const TokenTiming& timing,
                               MonotonicTime issued);

}  // namespace token_service::broker
