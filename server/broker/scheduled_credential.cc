#include "server/broker/scheduled_credential.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/backoff.h"
#include "server/broker/lifetime.h"

namespace token_service::broker {
namespace {

using Why = RefreshPlan::Why;

// For how long callers are told to wait for an operator.
constexpr absl::Duration kLookAgain = absl::Minutes(1);

}  // namespace

ScheduledCredential::ScheduledCredential(CredentialSettingsPtr s, const CredentialRecord& record,
                                         RefreshFacts f)
    : settings(std::move(s)),
      facts(std::move(f)),
      state(Resting{}),
      disabled(record.disabled || record.unreadable),
      generation(record.generation),
      version(record.version),
      grant_serial(record.grant_serial),
      create_time(record.create_time),
      last_refresh_time(record.last_refresh_time),
      last_error_reason(record.last_error_reason),
      last_error(record.last_error),
      times(record.times),
      failures(record.consecutive_failures) {}

bool ScheduledCredential::unsaved() const {
  const auto* flying = std::get_if<Flying>(&state);
  return std::holds_alternative<Unsaved>(state) || (flying != nullptr && flying->persists());
}

ScheduledCredential::Insistence ScheduledCredential::insistence() const {
  const auto* queued = std::get_if<Queued>(&state);
  return queued == nullptr ? Insistence::kNone : queued->insistence;
}

bool ScheduledCredential::elsewhere() const {
  if (const auto* resting = std::get_if<Resting>(&state)) return resting->elsewhere;
  const auto* queued = std::get_if<Queued>(&state);
  return queued != nullptr && queued->elsewhere;
}

std::optional<MonotonicTime> ScheduledCredential::due() const {
  if (const auto* resting = std::get_if<Resting>(&state)) return resting->plan.when;
  if (const auto* waits = std::get_if<Unsaved>(&state)) return waits->when;
  return std::nullopt;
}

bool ScheduledCredential::suspect() const {
  const bool first_replay = facts.doubt_since.has_value() && facts.rotates && !facts.replayed;
  return tries > 0 && last_reason == Reason::kProviderUnavailable && !first_replay;
}

bool ScheduledCredential::ReplayHeldBack(MonotonicTime now) const {
  return facts.doubt_since.has_value() && facts.rotates &&
         PlanRefresh(*settings, facts, now).when > now;
}

uint64_t ScheduledCredential::visible_generation() const {
  return facts.token == nullptr ? 0 : facts.token->generation;
}

void ScheduledCredential::SetToken(AccessTokenPtr token, const Landing& landing) {
  ForgetFailures();
  facts.grant = GrantState::kUsable;
  facts.doubt_since.reset();
  facts.rejected = false;
  facts.last_refresh = token->issued;
  generation = token->generation;
  last_refresh_time = landing.wall;
  facts.refresh_at = landing.calendar.Draw(*token, landing.now, landing.random);
  facts.token = std::move(token);
}

void ScheduledCredential::ForgetFailures() {
  facts.retry_at.reset();
  facts.not_before = MonotonicTime();
  facts.replayed = false;
  failures = 0;
  tries = 0;
  last_reason.reset();
  last_error_reason.clear();
  last_error = {};
}

void ScheduledCredential::EndClientRejection(MonotonicTime now) {
  if (facts.grant != GrantState::kClientRefused) return;
  facts.grant = GrantState::kUsable;
  facts.retry_at = now;
  last_reason.reset();  // It may hold no more, and nobody is to be told so before the next try.
}

std::optional<Refusal> ScheduledCredential::LatchedRefusal() const {
  if (disabled) return MakeRefusal(Reason::kCredentialDisabled);
  if (facts.grant == GrantState::kDead) return MakeRefusal(Reason::kRefreshTokenRejected);
  if (facts.held) return MakeRefusal(Reason::kCredentialHeld);
  if (facts.grant == GrantState::kClientRefused) return MakeRefusal(Reason::kClientRejected);
  return std::nullopt;
}

Refusal ScheduledCredential::RefusalAt(MonotonicTime now) const {
  if (std::optional<Refusal> latched = LatchedRefusal()) return *std::move(latched);
  const auto* resting = std::get_if<Resting>(&state);
  const absl::Duration wait = std::max(due().value_or(now) - now, absl::Milliseconds(10));
  if (unsaved()) return MakeRefusal(Reason::kStoreUnavailable, wait);
  if (facts.evidence != StandingEvidence::kNone) {
    return MakeRefusal(Reason::kAnswerUnreadable,
                       held_by_evidence() ? kLookAgain : std::min(wait, kLookAgain));
  }
  if (resting != nullptr && resting->plan.why == Why::kHold) {
    return MakeRefusal(Reason::kRefreshInDoubt, wait);
  }
  Refusal refusal = MakeRefusal(last_reason.value_or(Reason::kProviderUnavailable), wait);
  // An expired certificate is to be told from a host that is down.
  if (refusal.reason == Reason::kProviderUnavailable && !last_detail.empty()) {
    absl::StrAppend(&refusal.message, ": ", last_detail);
  }
  return refusal;
}

CredentialStatus ScheduledCredential::Status(MonotonicTime now, absl::Time wall) const {
  CredentialStatus status{.settings = settings,
                          .generation = generation,
                          .token = facts.token,
                          .create_time = create_time,
                          .last_refresh_time = last_refresh_time,
                          .last_error_reason = last_error_reason,
                          .last_error = last_error,
                          .consecutive_failures = failures,
                          .unpersisted = unsaved()};
  status.last_rotation_time = times.last_rotation;
  status.refresh_token_expire_time = RefreshTokenEnd();
  const auto* resting = std::get_if<Resting>(&state);
  const bool comes =
      resting == nullptr || (resting->plan.why != Why::kNever && resting->plan.why != Why::kExpiry);
  if (comes) status.next_refresh_time = wall + (due().value_or(now) - now);
  if (disabled) {
    status.state = CredentialState::kDisabled;
    return status;
  }
  switch (facts.grant) {
    case GrantState::kDead:
      status.state = CredentialState::kNeedsReauthorization;
      return status;
    case GrantState::kClientRefused:
      status.state = facts.held ? CredentialState::kHeld : CredentialState::kClientRejected;
      return status;
    case GrantState::kUsable:
      break;
  }
  status.evidence = facts.evidence;
  if (facts.evidence != StandingEvidence::kNone) {
    status.last_error_reason = std::string(ReasonName(Reason::kAnswerUnreadable));
  }
  if (facts.held) {
    status.state = CredentialState::kHeld;
  } else if (facts.evidence != StandingEvidence::kNone) {
    status.state = CredentialState::kInDoubt;
  } else if (facts.doubt_since.has_value() && facts.rotates) {
    status.state = CredentialState::kInDoubt;
  } else if (last_reason == Reason::kProviderBusy && TokenLives(now)) {
    status.state = CredentialState::kActive;
  } else if (failures > 0 && facts.retry_at.has_value()) {
    status.state = CredentialState::kBackingOff;
  }
  return status;
}

ScheduledCredential::Aftermath ScheduledCredential::Apply(RefreshResult& result,
                                                          const Flying& flown,
                                                          const Landing& landing) {
  Aftermath aftermath;
  version = std::max(version, result.version);
  if (flown.replaced && result.failed()) return aftermath;
  const bool saw_grant = !std::holds_alternative<HeldElsewhere>(result.outcome) &&
                         !std::holds_alternative<NotRecorded>(result.outcome) &&
                         !std::holds_alternative<SettingsOutdated>(result.outcome);
  if (saw_grant) {
    facts.rotates = facts.rotates || result.rotates;
    if (!flown.replaced) facts.evidence = result.evidence;  // Else it is about what is gone.
    // The earliest doubt counts, and its time on this process's own clock is the better one.
    if (!result.doubt_since.has_value() || !facts.doubt_since.has_value()) {
      facts.doubt_since = result.doubt_since;
    }
  }
  if (auto* refreshed = std::get_if<Refreshed>(&result.outcome)) {
    SetToken(std::move(refreshed->token), landing);
    times = refreshed->times;
  } else if (auto* adopted = std::get_if<Adopted>(&result.outcome)) {
    ForgetFailures();
    generation = adopted->generation;
    times = adopted->times;
    if (adopted->token != nullptr) SetToken(std::move(adopted->token), landing);
    // The token may have been the grant's last.
    facts.grant = adopted->grant;
    facts.held = adopted->held;
    facts.doubt_since = result.doubt_since;
  } else if (const auto* held = std::get_if<HeldElsewhere>(&result.outcome)) {
    aftermath.elsewhere = true;
    facts.retry_at = landing.now + std::min(held->lease_left, landing.options.poll_other_holder);
  } else if (std::holds_alternative<SettingsOutdated>(result.outcome)) {
    aftermath.elsewhere = true;
    facts.retry_at = landing.now + landing.options.poll_other_holder;
  } else if (auto* pinned = std::get_if<Unpersisted>(&result.outcome)) {
    const int tries_so_far = flown.persists() ? tries : 0;
    if (pinned->token != nullptr) {
      SetToken(pinned->token, landing);
      times = pinned->times;
    }
    tries = tries_so_far;
    CountFailure(Reason::kStoreUnavailable, std::nullopt, landing);
    aftermath.unsaved = std::make_unique<Unpersisted>(std::move(*pinned));
    if (std::holds_alternative<Conclusion>(aftermath.unsaved->write) && !flown.replaced) {
      facts.grant = GrantState::kDead;
      aftermath.withdraw = facts.rejected;
    }
  } else if (const auto* not_recorded = std::get_if<NotRecorded>(&result.outcome)) {
    CountFailure(not_recorded->reason, std::nullopt, landing);
  } else {
    aftermath.withdraw = ApplyFailure(std::get<RefreshFailed>(result.outcome), landing);
  }
  return aftermath;
}

void ScheduledCredential::TakeInGrant(const CredentialRecord& record,
                                      const RefreshFacts& recalled) {
  facts.grant = recalled.grant;
  facts.held = recalled.held;
  facts.rotates = recalled.rotates;
  facts.evidence = recalled.evidence;
  // Its time on this process's own clock is the better one.
  if (!recalled.doubt_since.has_value() || !facts.doubt_since.has_value()) {
    facts.doubt_since = recalled.doubt_since;
  }
  if (record.last_error_reason.empty()) ForgetFailures();
  failures = record.consecutive_failures;
  last_error_reason = record.last_error_reason;
  last_error = record.last_error;
}

void ScheduledCredential::TakeInToken(const CredentialRecord& record, const RefreshFacts& recalled,
                                      const Landing& landing) {
  generation = record.generation;
  last_refresh_time = record.last_refresh_time;
  times = record.times;
  if (recalled.token == nullptr || recalled.token->generation == visible_generation()) return;
  facts.token = recalled.token;
  facts.rejected = false;
  facts.last_refresh = recalled.last_refresh;
  facts.refresh_at = landing.calendar.Draw(*facts.token, landing.now, landing.random);
}

bool ScheduledCredential::ApplyFailure(const RefreshFailed& failed, const Landing& landing) {
  // One invalid_grant is not believed while another exchange may be what it is about.
  const bool hearsay =
      failed.end == AttemptEnd::kInDoubt && failed.reason == Reason::kRefreshTokenRejected;
  CountFailure(hearsay ? Reason::kRefreshInDoubt : failed.reason, failed.retry_after, landing);
  last_error = failed.said;
  facts.grant = GrantAfter(facts.grant, failed.end);
  if (facts.grant == GrantState::kClientRefused) {
    facts.retry_at = RetryOfRefusedClient(landing.now, landing.options.client_rejected_retry);
  } else if (failed.reason == Reason::kProviderBusy) {
    facts.retry_at = RetryOfBusy(landing.now);
  }
  switch (failed.end) {
    case AttemptEnd::kDead:
      facts.retry_at.reset();
      return facts.rejected;
    case AttemptEnd::kUnspent:
      last_detail = failed.detail;
      return false;
    case AttemptEnd::kClientRefused:
    case AttemptEnd::kInDoubt:
      return false;
  }
  return false;
}

std::optional<absl::Time> ScheduledCredential::RefreshTokenEnd() const {
  if (times.expires.has_value()) return times.expires;
  const bool known = settings->refresh_token_lifetime < absl::InfiniteDuration();
  if (!known || !times.since.has_value()) return std::nullopt;
  return *times.since + settings->refresh_token_lifetime;
}

bool ScheduledCredential::TokenLives(MonotonicTime now) const {
  return facts.token != nullptr && !facts.rejected && now < facts.token->expires;
}

// While there is a token to lose, once more before that ends.
MonotonicTime ScheduledCredential::RetryOfRefusedClient(MonotonicTime now,
                                                        absl::Duration patience) const {
  const MonotonicTime usual = now + patience;
  if (!TokenLives(now)) return usual;
  const MonotonicTime before_its_end = facts.token->expires - PreferredValidity(*facts.token);
  return now < before_its_end ? std::min(usual, before_its_end) : usual;
}

// By backoff, and surely once in the last part of the token's life.
MonotonicTime ScheduledCredential::RetryOfBusy(MonotonicTime now) const {
  const MonotonicTime usual = facts.retry_at.value_or(now);
  if (!TokenLives(now)) return usual;
  const MonotonicTime last_chance = LastChance(*facts.token);
  if (now >= last_chance) return usual;
  return std::max(std::min(usual, last_chance), facts.not_before);
}

void ScheduledCredential::CountFailure(Reason reason, std::optional<absl::Duration> retry_after,
                                       const Landing& landing) {
  ++failures;
  ++tries;
  last_reason = reason;
  last_error_reason = std::string(ReasonName(reason));
  last_detail.clear();
  last_error = {};
  const absl::Duration backoff = BackoffDelay(landing.options.backoff, tries, landing.random);
  facts.not_before = landing.now + retry_after.value_or(absl::ZeroDuration());
  facts.retry_at = std::max(landing.now + backoff, facts.not_before);
}

}  // namespace token_service::broker
