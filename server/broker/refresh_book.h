#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/random/bit_gen_ref.h"
#include "server/base/clock.h"
#include "server/broker/credential.h"
#include "server/broker/credential_record.h"
#include "server/broker/credential_status.h"
#include "server/broker/endpoint_queues.h"
#include "server/broker/reason.h"
#include "server/broker/refresh_action.h"
#include "server/broker/refresh_agenda.h"
#include "server/broker/refresh_options.h"
#include "server/broker/refresh_policy.h"
#include "server/broker/refresh_result.h"
#include "server/broker/scheduled_credential.h"

namespace token_service::broker {

// Decides when each credential is refreshed: told what happens, it says what is to be done, and
// does nothing itself. It has no lock, no clock and no thread: RefreshScheduler has them, and does
// what it says (docs/adr/0037-decide-then-perform.md). Time never runs backwards from one call to
// the next.
//
// At most one flight a credential, a bounded number an endpoint, behind one breaker an endpoint;
// callers' needs go before refreshes ahead.
class RefreshBook {
 public:
  // When somebody last asked for a credential's token; nullopt: never.
  using LastAsked = std::function<std::optional<MonotonicTime>(std::string_view)>;

  // `random` outlives this object.
  RefreshBook(const RefreshOptions& options, LastAsked last_asked, absl::BitGenRef random);

  // RefreshScheduler's methods of about the same names say what these are for. `facts`:
  // RecallFacts.
  RefreshActions OnAdded(CredentialSettingsPtr settings, const CredentialRecord& record,
                         RefreshFacts facts, MonotonicTime now);
  RefreshActions OnStored(CredentialSettingsPtr settings, const CredentialRecord& record,
                          const RefreshFacts& facts, MonotonicTime now, absl::Time wall);
  RefreshActions OnDeleted(const DeletedCredential& deleted, MonotonicTime now);
  RefreshActions OnSettings(CredentialSettingsPtr settings, MonotonicTime now);
  RefreshActions OnRemoved(std::string_view name, absl::AnyInvocable<void()> landed,
                           MonotonicTime now);
  RefreshActions OnDisabled(std::string_view name, MonotonicTime now);
  RefreshActions OnEnabled(CredentialSettingsPtr settings, const CredentialRecord& record,
                           RefreshFacts facts, MonotonicTime now);
  enum class Hold { kStays, kEnds };
  RefreshActions OnGrantReplaced(std::string_view name, Hold hold, MonotonicTime now);
  RefreshActions OnReleased(std::string_view name, MonotonicTime now);
  RefreshActions OnEvidenceChanged(std::string_view name, MonotonicTime now);
  RefreshActions OnPerEndpoint(int most, MonotonicTime now);
  RefreshActions OnDraining(MonotonicTime now);
  // ArmTimer's moment has come, and ArmPatience's.
  RefreshActions OnTimer(MonotonicTime now);
  RefreshActions OnPatienceEnd(FlightId flight);
  // What became of a flight, once each.
  RefreshActions OnLanded(FlightId flight, RefreshResult result, MonotonicTime now,
                          absl::Time wall);

  enum class Need {
    kSoon,      // The current token will do for now.
    kNow,       // It will not.
    kRejected,  // The API refuses it.
    // A person insists: overrides backoff, doubt's waiting, breaker and the client-rejected latch.
    kOperator,
    kOperatorInsists,  // Also a dead grant, and evidence that stands.
  };
  // A refresh is under way or about to start: somebody will be told.
  struct Underway {};
  // The token of `seen_generation` is no longer the current one.
  struct Superseded {};
  using Answer = std::variant<Underway, Superseded, Refusal>;
  struct Demanded {
    Answer answer;
    RefreshActions actions;
  };
  Demanded OnDemand(std::string_view name, Need need, uint64_t seen_generation, MonotonicTime now);

  // Its credential is still there: else the flight need not start, and lands as CredentialGone.
  bool IsWanted(FlightId flight) const;
  // An operator has ended what a refusal for good says since it was: whoever is told all the same
  // gives up, though what comes next is for them.
  bool IsPast(const Tell& tell) const;
  // Nothing is out, and nobody waits for what can be had.
  bool Idle() const;

  std::optional<CredentialStatus> Status(std::string_view name, MonotonicTime now,
                                         absl::Time wall) const;
  // Of the first `most` whose names come after `after`, in order of name.
  std::vector<CredentialStatus> List(std::string_view after, size_t most, MonotonicTime now,
                                     absl::Time wall) const;
  std::vector<EndpointStatus> ListEndpoints() const { return endpoints_.List(); }

 private:
  using Why = RefreshPlan::Why;
  using Resting = ScheduledCredential::Resting;
  using Unsaved = ScheduledCredential::Unsaved;
  using Queued = ScheduledCredential::Queued;
  using Flying = ScheduledCredential::Flying;
  using Insistence = ScheduledCredential::Insistence;

  struct InTheAir {
    ScheduledCredentialPtr credential;
    bool removed = false;
    absl::AnyInvocable<void()> landed;  // Told when it has, if its credential was removed.
  };

  void Do(RefreshAction action) { actions_.push_back(std::move(action)); }
  RefreshActions Take() { return std::exchange(actions_, {}); }
  // Brings everything up to now, and gives out what came of it.
  RefreshActions Done(MonotonicTime now);

  void Add(CredentialSettingsPtr settings, const CredentialRecord& record, RefreshFacts facts,
           MonotonicTime now);
  void Remove(std::string_view name, absl::AnyInvocable<void()> landed);
  void TakeIn(ScheduledCredential& credential, CredentialSettingsPtr settings,
              const CredentialRecord& record, const RefreshFacts& facts, MonotonicTime now,
              absl::Time wall);
  void TakeSettings(ScheduledCredential& credential, CredentialSettingsPtr settings,
                    MonotonicTime now);
  Answer Demand(std::string_view name, Need need, uint64_t seen_generation, MonotonicTime now);
  ScheduledCredential* Find(std::string_view name) const;

  RefreshPlan PlanOf(ScheduledCredential& credential, MonotonicTime now, bool elsewhere) const;
  void Rest(ScheduledCredential& credential, MonotonicTime now, bool elsewhere = false);
  // Of one that rests or is queued.
  void PlanAnew(ScheduledCredential& credential, MonotonicTime now);
  void SetDormantTo(ScheduledCredential& credential, bool dormant);
  void Show(ScheduledCredential& credential);
  void Hide(ScheduledCredential& credential);
  void TellRefusal(const ScheduledCredential& credential, MonotonicTime now);

  void Enqueue(ScheduledCredential& credential, bool wanted,
               Insistence insistence = Insistence::kNone);
  void Advance(MonotonicTime now);
  void AdvanceOne(ScheduledCredential& credential, MonotonicTime now);
  void Dispatch(bool wanted, MonotonicTime now);
  bool StartOne(EndpointQueue& endpoint, bool wanted, MonotonicTime now);
  void StartPersisting(ScheduledCredential& credential);
  void Arm(MonotonicTime now);
  ScheduledCredential::Landing LandingAt(const ScheduledCredential& credential, MonotonicTime now,
                                         absl::Time wall);
  void Land(ScheduledCredential& credential, const Flying& flown, RefreshResult& result,
            MonotonicTime now, absl::Time wall);
  void RefuseWanted(const EndpointQueue& endpoint, MonotonicTime now);
  void RetryAfterOutage(const EndpointQueue& endpoint, MonotonicTime now);
  int flying() const { return static_cast<int>(in_the_air_.size()); }

  const RefreshOptions options_;
  const LastAsked last_asked_;
  absl::BitGenRef random_;
  absl::btree_map<std::string, ScheduledCredentialPtr> credentials_;
  RefreshAgenda agenda_;
  EndpointQueues endpoints_;
  absl::flat_hash_map<FlightId, InTheAir> in_the_air_;
  FlightId last_flight_ = 0;
  uint64_t last_serial_ = 0;
  int per_endpoint_;
  bool draining_ = false;
  MonotonicTime armed_ = MonotonicTime::Never();
  RefreshActions actions_;  // Of the call under way.
};

}  // namespace token_service::broker
