#include "server/broker/refresher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/broker/crash_point.h"
#include "server/broker/lifetime.h"
#include "server/broker/spent_token.h"
#include "server/telemetry/log.h"

namespace token_service::broker {

using telemetry::Level;
using telemetry::Log;

// An attempt that is on record.
struct Refresher::Flight {
  const CredentialSettings& settings;
  CredentialRecord record;  // As begun.
  MonotonicTime begun;
  MonotonicTime sent;
  // When the exchange was over, so that a lost answer was noticed. Nullopt: nothing was sent.
  std::optional<MonotonicTime> ended = std::nullopt;
  MonotonicTime lease_deadline;   // Past it another holder may have taken over.
  MonotonicTime replay_deadline;  // Past it a replay is held back.

  // Of what is on record, once this flight has looked.
  StandingEvidence evidence = StandingEvidence::kNone;
  std::optional<Candidate> candidate = std::nullopt;  // Sent in the refresh token's place.

  const Secret& presented() const {
    return candidate.has_value() ? candidate->token : record.refresh_token;
  }
  const std::string& attempt_id() const { return record.attempt->id; }
};

namespace {

// What a fenced answer is kept as: enough for a person to restore the grant from.
Secret AsEvidence(const Rotation& rotation) {
  const std::string_view refresh_token = rotation.refresh_token.Reveal();
  const std::string_view access_token = rotation.token.value.Reveal();
  // Reserved at once, so that no half of it stays behind in freed memory.
  std::string text;
  text.reserve(128 + 2 * (refresh_token.size() + access_token.size()));
  // Tokens are printable ASCII: these two are all that JSON wants escaped.
  const auto quote = [&text](std::string_view value) {
    text += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  };
  text += "{\"generation\":" + std::to_string(rotation.generation) + ",\"refresh_token\":";
  quote(refresh_token);
  text += ",\"access_token\":";
  quote(access_token);
  text += '}';
  return Secret(std::move(text));
}

RefreshResult StoreFailed(const absl::Status& status) {
  if (absl::IsNotFound(status)) return {.outcome = CredentialGone{}};
  // Its row is damaged.
  if (absl::IsFailedPrecondition(status)) {
    return {.outcome = NotRecorded{Reason::kCredentialDisabled}};
  }
  return {.outcome = NotRecorded{Reason::kStoreUnavailable}};
}

// An invalid_grant after a lost answer, at a provider that has never been seen to rotate, may be
// about the exchange that was lost: only a second one, later, says that the grant is gone.
bool IsHearsay(const CredentialRecord& record) {
  return record.grant != GrantState::kDead && record.doubt_since.has_value() && !record.rotates &&
         record.last_error_reason != ReasonName(Reason::kRefreshTokenRejected);
}

void LogStoreError(std::string_view event, std::string_view credential,
                   const absl::Status& status) {
  Log(Level::kError, event, {{"credential", credential}, {"error", std::string(status.message())}});
}

}  // namespace

Refresher::Refresher(Options options, RotationStore& store, TokenEndpoint& endpoint,
                     const Clock& clock)
    : options_(std::move(options)),
      store_(store),
      endpoint_(endpoint),
      clock_(clock),
      candidates_(store, options_.reader) {}

RefreshResult Refresher::Refresh(const CredentialSettings& settings, const Order& order) {
  for (size_t secrets = settings.client_secrets.size();; --secrets) {
    RefreshResult result = RefreshOnce(settings, order);
    const auto* failed = std::get_if<RefreshFailed>(&result.outcome);
    if (failed == nullptr || !failed->another_secret || secrets <= 1) return result;
  }
}

RefreshResult Refresher::RefreshOnce(const CredentialSettings& settings, const Order& order) {
  const MonotonicTime begun_at = clock_.Now();
  BeginRequest request{.name = settings.name,
                       .create_time = order.create_time,
                       .token_endpoint = settings.token_endpoint,
                       .generation = order.generation,
                       .attempt_id = NewAttemptId(),
                       .holder = options_.holder,
                       .lease = options_.lease,
                       .take_over = !store_.shared() || order.take_over};
  TS_CRASH_POINT("before-begin", settings.name, order.generation);
  absl::StatusOr<BeginOutcome> begin = store_.Begin(request);
  TS_CRASH_POINT("after-begin", settings.name, order.generation);
  if (!begin.ok()) {
    LogStoreError("attempt not recorded", settings.name, begin.status());
    return StoreFailed(begin.status());
  }
  if (const auto* held = std::get_if<HeldByOther>(&*begin)) {
    return {.outcome = HeldElsewhere{held->lease_left}};
  }
  if (std::holds_alternative<GoesElsewhere>(*begin)) return {.outcome = SettingsOutdated{}};
  if (const auto* behind = std::get_if<Behind>(&*begin)) {
    Log(Level::kError, "not refreshed: the store has gone back, and what it holds may be spent",
        {{"credential", settings.name},
         {"generation", order.generation},
         {"stored_generation", behind->generation}});
    return {.outcome = NotRecorded{Reason::kStoreUnavailable}};
  }
  if (const auto* moved = std::get_if<MovedOn>(&*begin)) {
    return Adopt(moved->record, TimingOf(settings));
  }

  if (const auto* spent = std::get_if<FoundSpent>(&*begin)) {
    Log(Level::kError, "refresh token not sent: it has been spent elsewhere",
        {{"credential", settings.name}, {"since", SinceText({.since = spent->since})}});
    return {.outcome = RefreshFailed{.end = AttemptEnd::kDead,
                                     .reason = Reason::kRefreshTokenSpent,
                                     .detail = "spent elsewhere"}};
  }

  Flight flight{.settings = settings,
                .record = std::move(std::get<Begun>(*begin).record),
                .begun = begun_at,
                .sent = clock_.Now(),
                .lease_deadline = begun_at + options_.send_within,
                .replay_deadline = order.send_before};
  const bool uses_token = UsesRefreshToken(settings.grant);
  if (!uses_token) {
    // What an earlier configuration's refresh token left on record says nothing of this grant.
    flight.record.rotates = false;
    flight.record.standing_evidence = 0;
    flight.record.grant = GrantState::kUsable;
  }
  if (flight.record.grant == GrantState::kDead && !order.even_if_rejected) {
    return Settle(flight, GrantDead{"known to be dead"});
  }
  flight.record.rotates = flight.record.rotates || (order.rotates && uses_token);
  if (flight.record.standing_evidence > 0) {
    flight.evidence = StandingEvidence::kUnread;
    absl::StatusOr<std::optional<Candidate>> found = candidates_.Find(settings, flight.record);
    if (!found.ok()) {
      LogStoreError("evidence not read", settings.name, found.status());
      return Settle(flight, Unspent{Reason::kStoreUnavailable, "evidence not read", {}});
    }
    flight.candidate = *std::move(found);
    flight.evidence =
        flight.candidate.has_value() ? StandingEvidence::kCandidate : StandingEvidence::kUnusable;
    if (!flight.candidate.has_value() && !order.even_if_rejected) {
      return Settle(flight, Unspent{Reason::kAnswerUnreadable, "not sent: evidence stands", {}});
    }
  }
  const bool weighed = order.doubt_weighed || flight.candidate.has_value();
  if (flight.record.doubt_since.has_value() && flight.record.rotates && !weighed) {
    return Conclude(flight, {.end = AttemptEnd::kInDoubt,
                             .reason = Reason::kProviderUnavailable,
                             .detail = "an attempt on record has no known end"});
  }
  // A candidate is no replay.
  if (flight.candidate.has_value()) flight.replay_deadline = MonotonicTime::Never();
  const MonotonicTime send_before = std::min(flight.lease_deadline, flight.replay_deadline);
  // A store that hung, a process that was stopped: no need to connect.
  if (clock_.Now() >= send_before) return Settle(flight, TooLate{});
  TS_CRASH_POINT("before-exchange", settings.name, order.generation);
  ExchangeOutcome outcome =
      endpoint_.Exchange(settings, PresentedBy(settings.grant, flight.presented()), send_before);
  if (!uses_token) outcome = WithoutRefreshToken(std::move(outcome));
  TS_CRASH_POINT("after-exchange", settings.name, outcome.index());
  if (!std::holds_alternative<TooLate>(outcome)) {
    flight.ended = std::min(clock_.Now(), flight.sent + options_.longest_exchange);
  }
  if (flight.candidate.has_value()) {
    auto* const dead = std::get_if<GrantDead>(&outcome);
    if (dead != nullptr && dead->evidence.empty()) {
      return SettleRefused(flight, std::move(*dead));
    }
    if (std::holds_alternative<InDoubt>(outcome)) flight.evidence = StandingEvidence::kInDoubt;
  }
  RefreshResult result =
      std::visit([&](auto& settled) { return Settle(flight, std::move(settled)); }, outcome);
  result.version = std::max(result.version, flight.record.version);
  return result;
}

// What was sent first may be spent or not: that doubt goes on.
RefreshResult Refresher::SettleRefused(Flight& flight, GrantDead dead) {
  candidates_.Mark(flight.record.name, *flight.candidate, EvidenceMark::kRefused);
  flight.evidence =
      flight.record.standing_evidence > 1 ? StandingEvidence::kUnread : StandingEvidence::kNone;
  Log(Level::kError, "the refresh token of a kept answer is refused",
      {{"credential", flight.record.name}, {"detail", dead.detail}});
  return Conclude(flight, {.end = AttemptEnd::kInDoubt,
                           .reason = Reason::kProviderMalformed,
                           .detail = "the refresh token of a kept answer is refused"});
}

RefreshResult Refresher::Persist(Unpersisted pending) {
  if (std::holds_alternative<Rotation>(pending.write)) return Commit(std::move(pending));
  if (std::holds_alternative<Conclusion>(pending.write)) return ConcludeLate(std::move(pending));
  return Quarantine(std::move(pending));
}

RefreshResult Refresher::Settle(const Flight& flight, Granted granted) {
  const CredentialRecord& record = flight.record;
  // A server that hands the same refresh token out again does not rotate.
  Secret refresh_token = granted.refresh_token.has_value() ? std::move(*granted.refresh_token)
                                                           : flight.presented().Copy();
  const bool rotated = !(refresh_token == record.refresh_token);
  const absl::Duration lifetime = granted.expires_in.has_value() ? SureLifetime(*granted.expires_in)
                                                                 : flight.settings.assumed_lifetime;
  Rotation rotation{.name = record.name,
                    .attempt_id = flight.attempt_id(),
                    .generation = record.reserved_generation,
                    .grant_serial = record.grant_serial,
                    .refresh_token = std::move(refresh_token),
                    .rotated = rotated,
                    .refresh_token_lifetime = granted.refresh_token_lifetime,
                    .token = {.value = std::move(granted.access_token),
                              .token_type = std::move(granted.token_type),
                              .scope = granted.scope.value_or(flight.settings.scope),
                              .properties = std::move(granted.properties),
                              .age = absl::ZeroDuration(),
                              .lifetime = lifetime}};
  const StoredToken stored = StoredAt(clock_.MomentAt(flight.sent), rotation.token);
  AccessTokenPtr token = MakeAccessToken(record.name, rotation.generation, stored,
                                         TimingOf(flight.settings), flight.sent);
  StandingEvidence evidence = StandingEvidence::kNone;
  if (!granted.evidence.empty()) {
    // Before the token is stored, or it might never be kept; and for the refresh token as it will
    // then be counted.
    Unpersisted beside = EvidenceOf(flight, std::move(granted.evidence),
                                    "a token, and another refresh token elsewhere");
    std::get<Evidence>(beside.write).grant_serial = record.grant_serial + 1;
    evidence = beside.evidence;
    if (std::optional<RefreshResult> not_kept = Keep(beside)) return *std::move(not_kept);
  }
  const RefreshTokenTimes times = TimesAfter(record.times, rotation, stored.issued.wall);
  return Commit({.write = std::move(rotation),
                 .sent = flight.sent,
                 .token = std::move(token),
                 .rotates = record.rotates || rotated,
                 .evidence = evidence,
                 .times = times,
                 .timing = TimingOf(flight.settings)});
}

RefreshResult Refresher::Commit(Unpersisted pending) {
  Rotation& rotation = std::get<Rotation>(pending.write);
  rotation.token.age = clock_.Now() - pending.sent;
  TS_CRASH_POINT("before-commit", rotation.name, rotation.generation);
  const absl::StatusOr<CommitOutcome> commit = store_.Commit(rotation);
  if (!commit.ok() && absl::IsNotFound(commit.status())) {
    return StoreFailed(commit.status());
  }
  if (!commit.ok()) {
    // The answer is real and the old refresh token is spent: serve what we hold, and keep trying to
    // write.
    LogStoreError("rotation not persisted", rotation.name, commit.status());
    Pin(pending);
    TS_CRASH_POINT("pinned", rotation.name, rotation.generation);
    const bool rotates = pending.rotates;
    const StandingEvidence evidence = pending.evidence;
    return {.outcome = std::move(pending), .rotates = rotates, .evidence = evidence};
  }
  if (const auto* fenced = std::get_if<Fenced>(&*commit)) {
    TS_CRASH_POINT("fenced", rotation.name, rotation.generation);
    Log(Level::kError, "answer fenced",
        {{"credential", rotation.name}, {"generation", rotation.generation}});
    Evidence evidence{.name = rotation.name,
                      .attempt_id = rotation.attempt_id,
                      .generation = rotation.generation,
                      .body = AsEvidence(rotation),
                      .grant_serial = rotation.grant_serial,
                      .stands = rotation.rotated};
    if (const absl::Status kept = store_.Quarantine(evidence); !kept.ok()) {
      LogStoreError("evidence not persisted", rotation.name, kept);
      pending.write = std::move(evidence);
      pending.token = nullptr;
      pending.doubt_since.reset();
      Pin(pending);
      const bool rotates = pending.rotates;
      return {.outcome = std::move(pending), .rotates = rotates};
    }
    return Adopt(fenced->record, pending.timing);
  }
  TS_CRASH_POINT("before-publish", rotation.name, rotation.generation);
  Log(Level::kInfo, "token refreshed",
      {{"credential", rotation.name},
       {"generation", rotation.generation},
       {"rotated", rotation.rotated},
       {"lifetime", pending.token->lifetime}});
  return {.outcome = Refreshed{std::move(pending.token), pending.times},
          .rotates = pending.rotates,
          .evidence = pending.evidence};
}

// It is granted again, for the same refresh token.
RefreshResult Refresher::Settle(const Flight& flight, const Extended& extended) {
  const std::optional<StoredToken>& token = flight.record.token;
  if (!token.has_value()) {
    return Settle(flight, InDoubt{.reason = Reason::kProviderMalformed,
                                  .detail = "extended, and there is no token"});
  }
  return Settle(flight, Granted{.access_token = token->value.Copy(),
                                .token_type = token->token_type,
                                .scope = token->scope,
                                .expires_in = extended.expires_in.has_value()
                                                  ? *extended.expires_in
                                                  : token->expires - token->issued.wall,
                                .properties = token->properties});
}

RefreshResult Refresher::Settle(const Flight& flight, Unspent unspent) {
  return Conclude(flight, {.end = AttemptEnd::kUnspent,
                           .reason = unspent.reason,
                           .detail = std::move(unspent.detail),
                           .retry_after = unspent.retry_after,
                           .outage = unspent.reason == Reason::kProviderUnavailable,
                           .said = std::move(unspent.said)});
}

RefreshResult Refresher::Settle(const Flight& flight, GrantDead dead) {
  return Conclude(flight,
                  {.end = IsHearsay(flight.record) ? AttemptEnd::kInDoubt : AttemptEnd::kDead,
                   .reason = Reason::kRefreshTokenRejected,
                   .detail = std::move(dead.detail),
                   .said = std::move(dead.said)},
                  std::move(dead.evidence));
}

RefreshResult Refresher::Settle(const Flight& flight, ClientRefused refused) {
  return Conclude(
      flight, {.end = refused.another_secret ? AttemptEnd::kUnspent : AttemptEnd::kClientRefused,
               .reason = Reason::kClientRejected,
               .detail = std::move(refused.detail),
               .another_secret = refused.another_secret,
               .said = std::move(refused.said)});
}

RefreshResult Refresher::Settle(const Flight& flight, InDoubt in_doubt) {
  return Conclude(flight,
                  {.end = AttemptEnd::kInDoubt,
                   .reason = in_doubt.reason,
                   .detail = std::move(in_doubt.detail),
                   .retry_after = in_doubt.retry_after,
                   .outage = in_doubt.nonsense || in_doubt.reason == Reason::kProviderUnavailable,
                   .said = std::move(in_doubt.said)},
                  std::move(in_doubt.evidence));
}

RefreshResult Refresher::Conclude(const Flight& flight, RefreshFailed failed, KeptAnswer evidence) {
  if (evidence.empty()) return Conclude(flight, std::move(failed));
  // Should the store not take it now, it is concluded later as an answer that could not be used:
  // the careful side, and the provider will say it again.
  Unpersisted pending = EvidenceOf(flight, std::move(evidence), failed.detail);
  pending.rotates = true;
  if (std::optional<RefreshResult> not_kept = Keep(pending)) return *std::move(not_kept);
  if (flight.candidate.has_value()) {
    candidates_.Mark(flight.record.name, *flight.candidate, EvidenceMark::kTried);
  }
  RefreshResult result = Conclude(flight, std::move(failed));
  result.rotates = true;
  result.evidence = pending.evidence;
  return result;
}

RefreshResult Refresher::Settle(const Flight& flight, Malformed malformed) {
  RefreshResult result =
      Quarantine(EvidenceOf(flight, std::move(malformed.answer), malformed.detail));
  // It answers the candidate, which is spent by now.
  if (flight.candidate.has_value()) {
    candidates_.Mark(flight.record.name, *flight.candidate, EvidenceMark::kTried);
  }
  return result;
}

RefreshResult Refresher::Settle(const Flight& flight, TooLate) {
  if (flight.replay_deadline < flight.lease_deadline) {
    return Conclude(flight, {.end = AttemptEnd::kInDoubt,
                             .reason = Reason::kProviderUnavailable,
                             .detail = "not sent: the replay window has ended"});
  }
  return Settle(flight, Unspent{Reason::kStoreUnavailable, "not sent: begun too long ago", {}});
}

Unpersisted Refresher::EvidenceOf(const Flight& flight, KeptAnswer answer,
                                  const std::string& detail) const {
  Log(Level::kError, "unusable answer quarantined",
      {{"credential", flight.record.name}, {"detail", detail}});
  const StandingEvidence weighed =
      answer.stands ? candidates_.Weigh(flight.settings, answer, flight.presented())
                    : flight.evidence;
  return {.write = Evidence{.name = flight.record.name,
                            .attempt_id = flight.attempt_id(),
                            .generation = flight.record.reserved_generation,
                            .body = std::move(answer.body),
                            .http_status = answer.http_status,
                            .grant_serial = flight.record.grant_serial,
                            .stands = answer.stands},
          .rotates = flight.record.rotates || weighed != StandingEvidence::kNone,
          .doubt_since = Doubt(flight),
          .evidence = weighed};
}

MonotonicTime Refresher::Doubt(const Flight& flight) const {
  const std::optional<Moment>& earlier = flight.record.doubt_since;
  if (earlier.has_value()) return DoubtSince(*earlier, clock_);
  return flight.ended.value_or(flight.begun);
}

std::optional<RefreshResult> Refresher::Keep(Unpersisted& pending) {
  const Evidence& evidence = std::get<Evidence>(pending.write);
  const bool rotates = pending.rotates;
  const std::optional<MonotonicTime> doubt_since = pending.doubt_since;
  TS_CRASH_POINT("before-quarantine", evidence.name, evidence.generation);
  const absl::Status kept = store_.Quarantine(evidence);
  TS_CRASH_POINT("after-quarantine", evidence.name, evidence.generation);
  if (!kept.ok() && !absl::IsNotFound(kept)) {
    LogStoreError("evidence not persisted", evidence.name, kept);
    Pin(pending);
    const StandingEvidence weighed = pending.evidence;
    return RefreshResult{.outcome = std::move(pending),
                         .rotates = rotates,
                         .doubt_since = doubt_since,
                         .evidence = weighed};
  }
  if (!kept.ok()) return StoreFailed(kept);
  return std::nullopt;
}

RefreshResult Refresher::Quarantine(Unpersisted pending) {
  if (std::optional<RefreshResult> not_kept = Keep(pending)) return *std::move(not_kept);
  const Evidence& evidence = std::get<Evidence>(pending.write);
  const absl::Status concluded =
      store_.Conclude({.name = evidence.name,
                       .attempt_id = evidence.attempt_id,
                       .end = AttemptEnd::kInDoubt,
                       .lost_ago = clock_.Now() - pending.doubt_since.value_or(clock_.Now()),
                       .error_reason = std::string(ReasonName(Reason::kProviderMalformed))});
  if (!concluded.ok()) LogStoreError("end of attempt not recorded", evidence.name, concluded);
  return {.outcome = RefreshFailed{.end = AttemptEnd::kInDoubt,
                                   .reason = Reason::kProviderMalformed,
                                   .detail = "unusable answer",
                                   .outage = true},
          .rotates = pending.rotates,
          .doubt_since = pending.doubt_since,
          .evidence = pending.evidence};
}

RefreshResult Refresher::Conclude(const Flight& flight, RefreshFailed failed) {
  const CredentialRecord& record = flight.record;
  Conclusion conclusion{.name = record.name,
                        .attempt_id = flight.attempt_id(),
                        .end = failed.end,
                        .error_reason = std::string(ReasonName(failed.reason)),
                        .said = failed.said};
  if (flight.ended.has_value()) {
    conclusion.lost_ago = clock_.Now() - *flight.ended;
  } else if (failed.end == AttemptEnd::kInDoubt) {
    // What was not sent adds no doubt to what there is.
    conclusion.end = AttemptEnd::kUnspent;
  }
  TS_CRASH_POINT("before-conclude", record.name, static_cast<uint64_t>(failed.end));
  const absl::Status concluded = store_.Conclude(conclusion);
  if (!concluded.ok()) LogStoreError("end of attempt not recorded", record.name, concluded);
  TS_CRASH_POINT("after-conclude", record.name, static_cast<uint64_t>(failed.end));
  Log(failed.end == AttemptEnd::kDead ? Level::kError : Level::kWarning, "refresh failed",
      {{"credential", record.name},
       {"reason", ReasonName(failed.reason)},
       {"in_doubt", failed.end == AttemptEnd::kInDoubt},
       {"detail", failed.detail}});

  if (absl::IsUnavailable(concluded) && failed.end == AttemptEnd::kDead) {
    // An answer like any other: after a restart the attempt would read as doubt, and a token that
    // is known to be dead would be sent again.
    Unpersisted pending{
        .write = std::move(conclusion), .token = nullptr, .rotates = record.rotates};
    Pin(pending);
    return {.outcome = std::move(pending), .rotates = record.rotates, .evidence = flight.evidence};
  }
  // Any other attempt that is left on record only reads as doubt: the careful side.
  RefreshResult result{.rotates = record.rotates, .evidence = flight.evidence};
  if (record.doubt_since.has_value() || conclusion.end == AttemptEnd::kInDoubt) {
    result.doubt_since = Doubt(flight);
  }
  if (conclusion.end == AttemptEnd::kDead) result.doubt_since.reset();
  result.outcome = std::move(failed);
  return result;
}

RefreshResult Refresher::ConcludeLate(Unpersisted pending) {
  const Conclusion& conclusion = std::get<Conclusion>(pending.write);
  const absl::Status concluded = store_.Conclude(conclusion);
  const bool rotates = pending.rotates;
  if (absl::IsNotFound(concluded)) return StoreFailed(concluded);
  if (!concluded.ok()) {
    LogStoreError("end of attempt not recorded", conclusion.name, concluded);
    Pin(pending);
    return {.outcome = std::move(pending), .rotates = rotates};
  }
  return {.outcome = RefreshFailed{.end = AttemptEnd::kDead,
                                   .reason = Reason::kRefreshTokenRejected,
                                   .detail = "known to be dead"},
          .rotates = rotates};
}

RefreshResult Refresher::Adopt(const CredentialRecord& record, const TokenTiming& timing) {
  Adopted adopted{.generation = record.generation,
                  .grant = record.grant,
                  .held = record.held_since.has_value(),
                  .times = record.times};
  if (record.token.has_value()) {
    adopted.token = MakeAccessToken(record.name, record.generation, *record.token, timing, clock_);
  }
  Log(Level::kInfo, "stored grant adopted",
      {{"credential", record.name}, {"generation", record.generation}});
  RefreshResult result{
      .outcome = std::move(adopted), .version = record.version, .rotates = record.rotates};
  if (record.standing_evidence > 0) result.evidence = StandingEvidence::kUnread;
  if (record.doubt_since.has_value()) {
    result.doubt_since = DoubtSince(*record.doubt_since, clock_);
  }
  return result;
}

void Refresher::Pin(Unpersisted& pending) {
  if (pending.pin != nullptr) return;
  unpersisted_.fetch_add(1);
  pending.pin.reset(&unpersisted_);
}

std::string Refresher::NewAttemptId() {
  absl::MutexLock lock(&random_mutex_);
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16),
                      absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16));
}

}  // namespace token_service::broker
