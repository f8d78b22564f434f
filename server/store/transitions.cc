#include "server/store/transitions.h"

#include <algorithm>
#include <utility>

#include "server/broker/reason.h"

namespace token_service::store {
namespace {

using broker::AttemptEnd;
using broker::CredentialRecord;
using broker::GrantState;

// The refresh token may have been spent by the attempt on record. The earliest doubt counts, which
// is the one that is there: attempts come one after the other, whatever their wall clocks say.
void MoveAttemptIntoDoubt(CredentialRecord& record, const std::optional<Moment>& lost) {
  if (!record.doubt_since.has_value()) record.doubt_since = lost.value_or(record.attempt->begun);
  record.attempt.reset();
}

void ForgetTroubles(CredentialRecord& record) {
  record.attempt.reset();
  record.doubt_since.reset();
  record.grant = GrantState::kUsable;
  record.last_error_reason.clear();
  record.last_error = {};
  record.consecutive_failures = 0;
}

std::optional<Moment> LostAt(const broker::Conclusion& conclusion, const Moment& now) {
  if (!conclusion.lost_ago.has_value()) return std::nullopt;
  return MomentBefore(now, *conclusion.lost_ago);
}

bool IsOnRecord(const CredentialRecord& record, std::string_view attempt_id) {
  return record.attempt.has_value() && record.attempt->id == attempt_id;
}

// The answer of an attempt that is on record no more is still the newest there is, unless another
// exchange may be out, or another refresh token came.
bool IsNewest(const CredentialRecord& record, const broker::Rotation& rotation) {
  if (rotation.generation <= record.generation) return false;
  if (record.attempt.has_value()) return IsOnRecord(record, rotation.attempt_id);
  return record.grant_serial == rotation.grant_serial;
}

bool Apply(const broker::CreateCredential&, absl::Time, CredentialRecord&) { return false; }

void TakeGrant(const Secret& refresh_token, absl::Time now, CredentialRecord& record) {
  ++record.grant_serial;
  record.refresh_token = refresh_token.Copy();
  record.times = {.since = now, .expires = {}, .last_rotation = {}};
  ForgetTroubles(record);
}

bool Apply(const broker::ReplaceGrant& change, absl::Time now, CredentialRecord& record) {
  TakeGrant(change.refresh_token, now, record);
  record.held_since.reset();
  return true;
}

bool Apply(const broker::AdoptSeed&, absl::Time, CredentialRecord&) { return false; }

bool Apply(const broker::ChangeProfile& change, absl::Time, CredentialRecord& record) {
  record.profile = change.profile.Copy();
  return true;
}

bool Apply(const broker::SetDisabled& change, absl::Time, CredentialRecord& record) {
  return std::exchange(record.disabled, change.disabled) != change.disabled;
}

}  // namespace

absl::StatusOr<std::optional<broker::BeginOutcome>> CheckMeant(const broker::BeginRequest& request,
                                                               const StoredRow& row) {
  const CredentialRecord& record = row.record;
  if (record.create_time != request.create_time) return absl::NotFoundError("no such credential");
  if (record.profile.token_endpoint != request.token_endpoint) {
    return std::optional<broker::BeginOutcome>(broker::GoesElsewhere());
  }
  return std::optional<broker::BeginOutcome>();
}

broker::BeginOutcome ApplyBegin(const broker::BeginRequest& request, const Moment& now,
                                StoredRow& row) {
  CredentialRecord& record = row.record;
  if (record.generation < request.generation) {
    return broker::Behind{.generation = record.generation};
  }
  if (record.generation > request.generation || record.held_since.has_value()) {
    return broker::MovedOn{record.Copy()};
  }
  if (record.attempt.has_value()) {
    const absl::Duration left = record.attempt->lease_end - now.wall;
    const bool own = request.take_over || record.attempt->holder == request.holder;
    if (left > absl::ZeroDuration() && !own) return broker::HeldByOther{left};
    MoveAttemptIntoDoubt(record, std::nullopt);
  }
  record.attempt = broker::Attempt{.id = request.attempt_id,
                                   .holder = request.holder,
                                   .begun = now,
                                   .lease_end = now.wall + request.lease};
  record.reserved_generation = std::max(record.reserved_generation, record.generation) + 1;
  return broker::Begun{record.Copy()};
}

broker::FoundSpent ApplyFoundSpent(absl::Time since, std::string_view error_reason,
                                   StoredRow& row) {
  row.record.grant = GrantState::kDead;
  row.record.last_error_reason = std::string(error_reason);
  row.record.last_error = {};
  ++row.record.consecutive_failures;
  return {.since = since};
}

broker::CommitOutcome ApplyCommit(const broker::Rotation& rotation, const Moment& now,
                                  StoredRow& row) {
  CredentialRecord& record = row.record;
  if (row.committed_attempt == rotation.attempt_id && record.generation == rotation.generation) {
    return broker::Committed{};
  }
  if (!IsNewest(record, rotation)) return broker::Fenced{record.Copy()};
  ++record.grant_serial;
  record.generation = rotation.generation;
  record.refresh_token = rotation.refresh_token.Copy();
  record.rotates = record.rotates || rotation.rotated;
  record.token = broker::StoredAt(now, rotation.token);
  record.last_refresh_time = record.token->issued.wall;
  record.times = broker::TimesAfter(record.times, rotation, record.token->issued.wall);
  ForgetTroubles(record);
  row.committed_attempt = rotation.attempt_id;
  return broker::Committed{};
}

bool ApplyConclude(const broker::Conclusion& conclusion, const Moment& now, StoredRow& row) {
  CredentialRecord& record = row.record;
  if (!IsOnRecord(record, conclusion.attempt_id)) return false;
  if (record.reserved_generation > record.generation) --record.reserved_generation;
  record.grant = broker::GrantAfter(record.grant, conclusion.end);
  switch (conclusion.end) {
    case AttemptEnd::kInDoubt:
      MoveAttemptIntoDoubt(record, LostAt(conclusion, now));
      break;
    case AttemptEnd::kDead:
      record.doubt_since.reset();
      break;
    case AttemptEnd::kUnspent:
    case AttemptEnd::kClientRefused:
      break;
  }
  record.attempt.reset();
  record.last_error_reason = conclusion.error_reason;
  record.last_error = conclusion.said;
  ++record.consecutive_failures;
  return true;
}

bool ApplyChange(const broker::CredentialChange& change, absl::Time now, StoredRow& row) {
  return std::visit([&](const auto& one) { return Apply(one, now, row.record); }, change);
}

bool ApplyRelease(StoredRow& row) {
  const bool held = row.record.held_since.has_value();
  row.record.held_since.reset();
  return held;
}

broker::SeedOutcome ApplySeed(const broker::AdoptSeed& change, const broker::TokenKnowledge& known,
                              absl::Time now, StoredRow& row) {
  using Became = broker::SeedOutcome::Became;
  CredentialRecord& record = row.record;
  broker::SeedOutcome outcome{.name = change.name};
  if (record.unreadable || record.seed == change.seed) return outcome;
  const bool first_declared = !record.profile.managed_by_config;
  if (known.current) {
    outcome.became = Became::kCurrent;
  } else if (known.spent.has_value()) {
    outcome.became = Became::kSpent;
    outcome.spent = known.spent;
    if (!first_declared) return outcome;
  } else if (first_declared) {
    outcome.became = Became::kNoted;
  } else {
    outcome.became = Became::kAdopted;
    outcome.shared = known.shared;
    TakeGrant(change.seed, now, record);
  }
  record.seed = change.seed.Copy();
  return outcome;
}

StoredRow NewRow(const broker::CreateCredential& change, absl::Time now) {
  const CredentialRecord& record = change.record;
  StoredRow row;
  row.record.name = record.name;
  row.record.profile = record.profile.Copy();
  row.record.refresh_token = record.refresh_token.Copy();
  row.record.seed = record.seed.Copy();
  row.record.create_time = record.create_time;
  row.record.times.since = now;
  // Never again one that a deleted credential of this name had: no late answer of that one fits.
  row.record.grant_serial = static_cast<uint64_t>(absl::ToUnixMicros(record.create_time));
  return row;
}

StoredRow NewRowWithoutGrant(const broker::CreateCredential& change, absl::Time now) {
  StoredRow row = NewRow(change, now);
  row.record.refresh_token = Secret();
  row.record.grant = GrantState::kDead;
  row.record.last_error_reason = std::string(ReasonName(broker::Reason::kRefreshTokenSpent));
  return row;
}

}  // namespace token_service::store
