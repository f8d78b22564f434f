#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/random/bit_gen_ref.h"
#include "server/broker/refresh_calendar.h"
#include "server/broker/refresh_scheduler.h"

// Inside of RefreshScheduler: what it knows of one credential. Guarded by its mutex.

namespace token_service::broker {

struct RefreshScheduler::Entry : std::enable_shared_from_this<RefreshScheduler::Entry> {
  explicit Entry(CredentialSettingsPtr s) : settings(std::move(s)) {}

  struct Resting {
    RefreshPlan plan;
    // Its place, if it rests until a refresh ahead.
    RefreshCalendar* calendar = nullptr;
    RefreshCalendar::Slot slot = {};
  };
  struct Queued {
    bool wanted = false;  // Somebody waits for it.
  };
  struct Running {
    Endpoint* endpoint;  // Null: only the store is at work.
    bool probe = false;  // Of the endpoint's open breaker.
    MonotonicTime begun;
    // The settings were changed since: what the provider refuses may be what was changed.
    bool outdated = false;
    // Callers do not wait for it any longer than until then.
    MonotonicTime patience_end = MonotonicTime::Never();
    bool operator_waits = false;  // For its outcome, however long that takes.
  };

  bool running() const { return std::holds_alternative<Running>(state); }
  // Nothing is tried any more until somebody changes something.
  bool dead() const { return disabled || gone || facts.grant == GrantState::kDead; }
  // Nothing is tried at all now, whoever insists.
  bool latched() const { return dead() || facts.held; }
  // An answer that may hold the next refresh token takes an operator.
  bool held_by_evidence() const { return facts.evidence == StandingEvidence::kUnusable; }
  // The provider did not do its work the last time, and what comes is no replay at once.
  bool suspect() const {
    const bool first_replay = facts.doubt_since.has_value() && facts.rotates && !facts.replayed;
    return tries > 0 && last_reason == Reason::kProviderUnavailable && !first_replay;
  }
  // The refresh token may be consumed, and it is not the time to find out.
  bool ReplayHeldBack(MonotonicTime now) const {
    return facts.doubt_since.has_value() && facts.rotates &&
           PlanRefresh(*settings, facts, now).when > now;
  }
  // The generation a caller can know: 0 when there is no token to be seen.
  uint64_t visible_generation() const;
  void ForgetFailures();
  // What a flight brought. True: the token is to be withdrawn, since nobody can use it any more.
  struct Landing {
    const Options& options;
    MonotonicTime now;
    absl::Time wall;
    const RefreshCalendar& calendar;
    absl::BitGenRef random;
  };
  bool Apply(RefreshResult& result, const Landing& landing);
  // If the client was rejected: may it be tried again now.
  void EndClientRejection(MonotonicTime now);
  // Why nothing is being tried, if so.
  std::optional<Refusal> LatchedRefusal() const;
  CredentialStatus Status() const;

  // A new current token: all is well.
  void SetToken(AccessTokenPtr token, const Landing& landing);
  bool ApplyFailure(const RefreshFailed& failed, const Landing& landing);
  void CountFailure(Reason reason, std::optional<absl::Duration> retry_after,
                    const Landing& landing);

  CredentialSettingsPtr settings;
  RefreshFacts facts;
  std::variant<Resting, Queued, Running> state =
      Resting{{MonotonicTime::Never(), RefreshPlan::Why::kNever}};
  uint64_t ticket = 0;                       // Of its latest place in a queue.
  uint64_t flights = 0;                      // So far.
  uint64_t generation = 0;                   // As stored (or about to be).
  std::unique_ptr<Unpersisted> unpersisted;  // Null, nearly always.
  std::optional<Reason> last_reason;         // Of this process's last failure.
  std::string last_error_reason;
  std::string last_detail;  // Why the provider was not reached, the last time; empty: it was.
  uint32_t failures = 0;    // In a row, restarts included.
  int tries = 0;            // In a row, of this process: what the backoff grows with.
  absl::Time create_time;
  std::optional<absl::Time> last_refresh_time;
  bool forced = false;            // An operator insists,
  bool even_if_rejected = false;  // also on a grant that is dead, or beside standing evidence.
  bool held_elsewhere = false;    // Another replica is at it.
  // A new refresh token came while the old one was out or its answer not stored: it is exchanged as
  // soon as that is over.
  bool replaced = false;
  bool disabled = false;  // Not in the configuration any more, or not to be read.
  bool gone = false;      // Between its purge from the store and its removal here.
  bool removed = false;
  absl::AnyInvocable<void()> landed;  // Told when the flight of a removed credential has landed.
};

}  // namespace token_service::broker
