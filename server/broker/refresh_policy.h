#pragma once

#include <optional>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/credential.h"
#include "server/broker/credential_record.h"
#include "server/broker/standing_evidence.h"

namespace token_service::broker {

// What decides when a credential is refreshed next.
struct RefreshFacts {
  AccessTokenPtr token;      // The current one, live or not; null: none yet.
  MonotonicTime refresh_at;  // When to refresh it, drawn once (RefreshCalendar).
  bool rejected = false;     // A caller reported that the API refuses it.
  GrantState grant = GrantState::kUsable;
  bool held = false;  // Nothing may be sent until an operator says so.
  bool rotates = false;
  StandingEvidence evidence = StandingEvidence::kNone;
  // Since when it is known that an attempt may have consumed the refresh token unseen
  // (CredentialRecord::doubt_since): the replay window counts from here.
  std::optional<MonotonicTime> doubt_since;
  bool replayed = false;  // It has been tried again since.
  // After a failure: the end of its backoff, `not_before` at the earliest.
  std::optional<MonotonicTime> retry_at;
  // After a failure: the end of the provider's Retry-After, if it gave one.
  MonotonicTime not_before;
  MonotonicTime last_refresh;
  std::optional<MonotonicTime> last_asked;
};

struct RefreshPlan {
  enum class Why {
    kNever,      // Nothing to do until something changes.
    kExpiry,     // Nothing but to tell who watches that the last token has expired.
    kNoToken,    // There is none: as soon as can be.
    kAhead,      // Ahead of its expiry.
    kKeepalive,  // Nobody asks; so that the provider does not let the grant lapse.
    kRetry,      // After a failure.
    kReplay,     // The first try after a lost answer, inside the replay window: at once.
    kHold,  // A replay could trip reuse detection: not before the current token is nearly spent.
  };
  MonotonicTime when;
  Why why;
};

// When the next refresh is to start (design: docs/adr/0001-rotation.md). Pure.
RefreshPlan PlanRefresh(const CredentialSettings& settings, const RefreshFacts& facts,
                        MonotonicTime now);

// Until when a refresh that starts now may still be sent: to the end of the replay window, if
// nothing but the open window lets it start. Pure.
MonotonicTime ReplayDeadline(const CredentialSettings& settings, const RefreshFacts& facts,
                             MonotonicTime now);

}  // namespace token_service::broker
