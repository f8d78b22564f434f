#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/credential.h"
#include "server/broker/credential_record.h"
#include "server/broker/credential_status.h"
#include "server/broker/reason.h"
#include "server/broker/refresh_action.h"
#include "server/broker/refresh_calendar.h"
#include "server/broker/refresh_options.h"
#include "server/broker/refresh_policy.h"
#include "server/broker/refresh_result.h"

namespace token_service::broker {

struct EndpointQueue;

// What RefreshBook knows of one credential. Not synchronised.
struct ScheduledCredential : std::enable_shared_from_this<ScheduledCredential> {
  // Nothing is done for it until its plan says so.
  struct Resting {
    RefreshPlan plan = {MonotonicTime::Never(), RefreshPlan::Why::kNever};
    bool elsewhere = false;  // Another replica is at it.
    // Its place, if it rests until a refresh ahead.
    RefreshCalendar* calendar = nullptr;
    RefreshCalendar::Slot slot = {};
  };

  // An answer came and the store would not take it: nothing is sent before it is stored.
  struct Unsaved {
    MonotonicTime when;  // Of the next try.
    std::unique_ptr<Unpersisted> answer;
    // A new refresh token has come since: it is exchanged as soon as the answer is stored.
    bool replaced = false;
  };

  // How much of what holds a refresh back an operator overrides.
  enum class Insistence {
    kNone,
    kRefresh,        // Backoff, doubt's waiting, the breaker, the rejected client.
    kEvenIfRejected  // Also a dead grant, and evidence that stands.
  };

  // Waits for its turn at its endpoint.
  struct Queued {
    bool wanted = false;  // Somebody waits for it.
    Insistence insistence = Insistence::kNone;
    bool elsewhere = false;
  };

  // An exchange is out, or a try to store an answer.
  struct Flying {
    FlightId flight;
    EndpointQueue* endpoint;  // Null: only the store is at work.
    bool probe = false;       // Of the endpoint's open breaker.
    MonotonicTime begun;
    uint64_t generation = 0;  // That was known then.
    std::string client = {};  // The client_id, if that may have so many out only.
    // The settings were changed since: what the provider refuses may be what was changed.
    bool outdated = false;
    // A new refresh token has come since: the flight carries the old one, and what it reports is no
    // news of the new one, which is exchanged as soon as it has landed.
    bool replaced = false;
    // Callers do not wait for it any longer than until then.
    MonotonicTime patience_end = MonotonicTime::Never();
    bool operator_waits = false;  // For its outcome, however long that takes.

    bool persists() const { return endpoint == nullptr; }
  };

  ScheduledCredential(CredentialSettingsPtr settings, const CredentialRecord& record,
                      RefreshFacts facts);

  const std::string& name() const { return settings->name; }
  bool flying() const { return std::holds_alternative<Flying>(state); }
  // An answer of it is in memory only.
  bool unsaved() const;
  // An operator's order waits for its turn.
  Insistence insistence() const;
  bool forced() const { return insistence() != Insistence::kNone; }
  bool elsewhere() const;
  // Until when it rests; Never: until something changes. Nullopt: it does not rest.
  std::optional<MonotonicTime> due() const;
  // Nothing is tried any more until somebody changes something.
  bool dead() const { return disabled || facts.grant == GrantState::kDead; }
  // Nothing is tried at all now, whoever insists.
  bool latched() const { return dead() || facts.held; }
  // An answer that may hold the next refresh token takes an operator.
  bool held_by_evidence() const { return facts.evidence == StandingEvidence::kUnusable; }
  // Nothing is begun for it but by an operator who insists.
  bool stopped() const { return latched() || held_by_evidence(); }
  // The provider did not do its work the last time, and what comes is no replay at once.
  bool suspect() const;
  // The refresh token may be consumed, and it is not the time to find out.
  bool ReplayHeldBack(MonotonicTime now) const;
  // The generation a caller can know: 0 when there is no token to be seen.
  uint64_t visible_generation() const;
  // Why nothing is being tried, if so.
  std::optional<Refusal> LatchedRefusal() const;
  // Why no token is to be had now.
  Refusal RefusalAt(MonotonicTime now) const;
  CredentialStatus Status(MonotonicTime now, absl::Time wall) const;

  void ForgetFailures();
  // If the client was rejected: may it be tried again now.
  void EndClientRejection(MonotonicTime now);

  // What a flight leaves to do.
  struct Aftermath {
    bool withdraw = false;   // Nobody can use the token any more.
    bool elsewhere = false;  // Another replica is at it.
    std::unique_ptr<Unpersisted> unsaved;
  };
  struct Landing {
    const RefreshOptions& options;
    MonotonicTime now;
    absl::Time wall;
    const RefreshCalendar& calendar;
    absl::BitGenRef random;
  };
  // Takes in what `flown`, which was its state, brought.
  Aftermath Apply(RefreshResult& result, const Flying& flown, const Landing& landing);
  // Takes in what others have written: of the grant, not of the token. Of one that does not fly.
  void TakeInGrant(const CredentialRecord& record, const RefreshFacts& recalled);
  // And of the token, if it is another one than is known.
  void TakeInToken(const CredentialRecord& record, const RefreshFacts& recalled,
                   const Landing& landing);

  CredentialSettingsPtr settings;
  RefreshFacts facts;
  std::variant<Resting, Unsaved, Queued, Flying> state;
  bool disabled = false;    // Not in the configuration any more, or not to be read.
  bool dormant = false;     // As the cache was told.
  uint64_t serial = 0;      // Its own, among all that a book has ever known.
  uint64_t ticket = 0;      // Of its latest place in a queue.
  uint64_t generation = 0;  // As stored (or about to be).
  uint64_t version = 0;     // Of the record that was last taken in.
  uint64_t grant_serial = 0;
  absl::Time create_time;
  std::optional<absl::Time> last_refresh_time;
  std::optional<Reason> last_reason;  // Of this process's last failure.
  std::string last_error_reason;
  ProviderError last_error;
  RefreshTokenTimes times;
  std::string last_detail;  // Why the provider was not reached, the last time; empty: it was.
  uint32_t failures = 0;    // In a row, restarts included.
  int tries = 0;            // In a row, of this process: what the backoff grows with.

 private:
  // A new current token: all is well.
  void SetToken(AccessTokenPtr token, const Landing& landing);
  // As told, else as configured from when it was obtained. Nullopt: nobody knows.
  std::optional<absl::Time> RefreshTokenEnd() const;
  bool TokenLives(MonotonicTime now) const;
  MonotonicTime RetryOfRefusedClient(MonotonicTime now, absl::Duration patience) const;
  MonotonicTime RetryOfBusy(MonotonicTime now) const;
  bool ApplyFailure(const RefreshFailed& failed, const Landing& landing);
  void CountFailure(Reason reason, std::optional<absl::Duration> retry_after,
                    const Landing& landing);
};

}  // namespace token_service::broker
