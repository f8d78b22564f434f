#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/credential_record.h"
#include "server/broker/credential_store.h"
#include "server/broker/provider_error.h"
#include "server/broker/reason.h"
#include "server/broker/standing_evidence.h"

namespace token_service::broker {

// What one refresh came to: a closed set.

// The new token is durable.
struct Refreshed {
  AccessTokenPtr token;
  RefreshTokenTimes times;
};

// Somebody else's word is in the store: another replica's newer token, or another grant.
struct Adopted {
  AccessTokenPtr token;  // Null: none yet.
  uint64_t generation = 0;
  GrantState grant = GrantState::kUsable;
  bool held = false;  // Nothing may be sent for it.
  RefreshTokenTimes times = {};
};

// Another holder is at it.
struct HeldElsewhere {
  absl::Duration lease_left;
};

// An answer was had and the store would not take it. It lives in this object only, until
// Refresher::Persist gets it down; the old refresh token must not be exchanged meanwhile.
struct Unpersisted {
  struct Unpin {
    void operator()(std::atomic<int>* count) const { count->fetch_sub(1); }
  };

  // A conclusion: the provider's word that the grant is dead.
  std::variant<Rotation, Evidence, Conclusion> write;
  MonotonicTime sent;    // Of a rotation: when its request was.
  AccessTokenPtr token;  // To be served already. Null but for a rotation.
  // What to believe of the grant if this is evidence.
  bool rotates = false;
  std::optional<MonotonicTime> doubt_since;
  StandingEvidence evidence = StandingEvidence::kNone;
  RefreshTokenTimes times = {};  // Likewise.
  TokenTiming timing;            // For what is adopted should this be fenced.
  // Counted by the Refresher, which outlives this, from the first failure on.
  std::unique_ptr<std::atomic<int>, Unpin> pin;
};

// No token.
struct RefreshFailed {
  AttemptEnd end;
  Reason reason;
  std::string detail;  // Allow-listed facts; empty: none.
  std::optional<absl::Duration> retry_after;
  bool outage = false;  // The endpoint did not do its work, whoever asked: counts for its breaker.
  bool another_secret = false;  // As in ClientRefused.
  ProviderError said = {};
};

// The store would not: nothing was sent, and nothing new is known of the grant.
struct NotRecorded {
  Reason reason;
};

// The store says that the refresh token goes elsewhere than the settings do: nothing was sent, and
// the new settings are on their way.
struct SettingsOutdated {};

// There is no such credential any more; or another of this name.
struct CredentialGone {};

struct RefreshResult {
  std::variant<Refreshed, Adopted, HeldElsewhere, Unpersisted, RefreshFailed, NotRecorded,
               SettingsOutdated, CredentialGone>
      outcome;
  // No token came, and none is on its way.
  bool failed() const {
    return std::holds_alternative<RefreshFailed>(outcome) ||
           std::holds_alternative<NotRecorded>(outcome) ||
           std::holds_alternative<CredentialGone>(outcome);
  }
  // Of the record that this was made of; 0: none was read.
  uint64_t version = 0;
  // What is now known of the grant.
  bool rotates = false;
  std::optional<MonotonicTime> doubt_since;
  StandingEvidence evidence = StandingEvidence::kNone;
};

}  // namespace token_service::broker
