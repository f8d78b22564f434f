#include "tests/testing/memory_credential_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "server/broker/reason.h"

namespace token_service::testing {

using broker::GrantState;

namespace {

// By which it is remembered: itself.
std::string HashOf(const Secret& value) { return std::string(value.Reveal()); }

absl::Status NoSuchCredential() { return absl::NotFoundError("no such credential"); }

void MoveAttemptIntoDoubt(broker::CredentialRecord& record, const std::optional<Moment>& lost) {
  if (!record.doubt_since.has_value()) {
    record.doubt_since = lost.has_value() ? *lost : record.attempt->begun;
  }
  record.attempt.reset();
}

}  // namespace

broker::CredentialRecord MemoryCredentialStore::Row::Snapshot() const {
  broker::CredentialRecord copy = record.Copy();
  copy.standing_evidence =
      std::count_if(evidence.begin(), evidence.end(),
                    [this](const broker::Evidence& answer) { return Stands(answer); });
  return copy;
}

absl::StatusOr<broker::BeginOutcome> MemoryCredentialStore::Begin(
    const broker::BeginRequest& request) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(request.name);
  if (found == state_.rows.end()) return NoSuchCredential();
  broker::CredentialRecord& record = found->second.record;
  if (record.create_time != request.create_time) return NoSuchCredential();
  if (record.profile.token_endpoint != request.token_endpoint) return broker::GoesElsewhere();
  const Moment now = clock_.MomentNow();
  if (auto outcome = state_.Send(request, found->second, now.wall)) return *std::move(outcome);
  const Row& row = found->second;
  if (record.generation < request.generation) {
    return broker::Behind{.generation = record.generation};
  }
  if (record.generation > request.generation || record.held_since.has_value()) {
    return broker::MovedOn{row.Snapshot()};
  }
  if (record.attempt.has_value()) {
    const bool own = request.take_over || record.attempt->holder == request.holder;
    if (!own && record.attempt->lease_end > now.wall) {
      return broker::HeldByOther{record.attempt->lease_end - now.wall};
    }
    MoveAttemptIntoDoubt(record, std::nullopt);
  }
  record.attempt = broker::Attempt{.id = request.attempt_id,
                                   .holder = request.holder,
                                   .begun = now,
                                   .lease_end = now.wall + request.lease};
  record.reserved_generation = std::max(record.reserved_generation, record.generation) + 1;
  state_.Touch(found->second);
  return broker::Begun{row.Snapshot()};
}

absl::StatusOr<broker::CommitOutcome> MemoryCredentialStore::Commit(
    const broker::Rotation& rotation) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(rotation.name);
  if (found == state_.rows.end()) return NoSuchCredential();
  Row& row = found->second;
  broker::CredentialRecord& record = row.record;
  if (row.committed_attempt == rotation.attempt_id && record.generation == rotation.generation) {
    return broker::Committed{};
  }
  const bool newest = record.attempt.has_value() ? record.attempt->id == rotation.attempt_id
                                                 : record.grant_serial == rotation.grant_serial;
  if (!newest || rotation.generation <= record.generation) return broker::Fenced{row.Snapshot()};
  const std::string hash = HashOf(rotation.refresh_token);
  broker::StoredToken token = broker::StoredAt(clock_.MomentNow(), rotation.token);
  const absl::Time sent = token.issued.wall;
  if (rotation.rotated && row.held != hash) state_.Spend(row.held, sent);
  state_.spent.erase(hash);
  row.held = hash;
  row.kept = !rotation.rotated;
  broker::Rotation copy = rotation.Copy();
  ++record.grant_serial;
  record.generation = copy.generation;
  record.refresh_token = std::move(copy.refresh_token);
  record.rotates = record.rotates || copy.rotated;
  record.last_refresh_time = sent;
  if (copy.rotated) record.times = {.since = sent, .expires = {}, .last_rotation = sent};
  if (copy.refresh_token_lifetime.has_value()) {
    record.times.expires = sent + *copy.refresh_token_lifetime;
  }
  record.token = std::move(token);
  record.attempt.reset();
  record.doubt_since.reset();
  record.grant = GrantState::kUsable;
  record.last_error_reason.clear();
  record.last_error = {};
  record.consecutive_failures = 0;
  row.committed_attempt = rotation.attempt_id;
  state_.Touch(row);
  return broker::Committed{};
}

absl::Status MemoryCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(conclusion.name);
  if (found == state_.rows.end()) return NoSuchCredential();
  broker::CredentialRecord& record = found->second.record;
  if (!record.attempt.has_value() || record.attempt->id != conclusion.attempt_id) {
    return absl::OkStatus();
  }
  if (record.reserved_generation > record.generation) --record.reserved_generation;
  if (conclusion.end == broker::AttemptEnd::kInDoubt) {
    std::optional<Moment> lost;
    if (conclusion.lost_ago.has_value()) {
      lost = MomentBefore(clock_.MomentNow(), *conclusion.lost_ago);
    }
    MoveAttemptIntoDoubt(record, lost);
  }
  record.attempt.reset();
  if (conclusion.end == broker::AttemptEnd::kDead) {
    record.grant = GrantState::kDead;
    record.doubt_since.reset();
  } else if (record.grant != GrantState::kDead) {
    record.grant = conclusion.end == broker::AttemptEnd::kClientRefused ? GrantState::kClientRefused
                                                                        : GrantState::kUsable;
  }
  record.last_error_reason = conclusion.error_reason;
  record.last_error = conclusion.said;
  ++record.consecutive_failures;
  state_.Touch(found->second);
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::Quarantine(const broker::Evidence& evidence) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(evidence.name);
  if (found == state_.rows.end()) return NoSuchCredential();
  Row& row = found->second;
  for (const broker::Evidence& kept : row.evidence) {
    if (kept.body == evidence.body && kept.grant_serial == evidence.grant_serial) {
      return absl::OkStatus();
    }
  }
  row.evidence.push_back(evidence.Copy());
  state_.Touch(row);
  row.evidence.back().id = std::to_string(next_evidence_++);
  row.evidence.back().time = clock_.WallNow();
  if (row.evidence.size() <= broker::kMostEvidence) return absl::OkStatus();
  auto victim = std::find_if(row.evidence.begin(), row.evidence.end() - 1,
                             [&](const broker::Evidence& kept) { return !row.Stands(kept); });
  if (victim == row.evidence.end() - 1) victim = row.evidence.begin() + 1;
  row.evidence.erase(victim);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<broker::Evidence>> MemoryCredentialStore::ListEvidence(
    std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  std::vector<broker::Evidence> list;
  for (const broker::Evidence& kept : found->second.evidence) {
    list.push_back(kept.Copy());
    list.back().stands = found->second.Stands(kept);
  }
  return list;
}

absl::Status MemoryCredentialStore::SendCandidate(std::string_view name, std::string_view id,
                                                  const Secret& refresh_token) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  for (broker::Evidence& kept : found->second.evidence) {
    if (kept.id != id) continue;
    const std::string hash(refresh_token.Reveal());
    const auto known = state_.Know(name, hash, /*from_file=*/false);
    if (known.current) return absl::OkStatus();
    if (known.spent.has_value() && !kept.sent) return SpentTokenError(*known.spent);
    kept.sent = true;
    state_.Spend(hash, clock_.WallNow());
    return absl::OkStatus();
  }
  return absl::NotFoundError("no such evidence");
}

absl::Status MemoryCredentialStore::MarkEvidence(std::string_view name, std::string_view id,
                                                 broker::EvidenceMark mark) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  for (broker::Evidence& kept : found->second.evidence) {
    if (kept.id != id) continue;
    if (mark == broker::EvidenceMark::kTried) kept.tried = true;
    if (mark == broker::EvidenceMark::kRefused) kept.stands = false;
    state_.Touch(found->second);
    return absl::OkStatus();
  }
  return absl::NotFoundError("no such evidence");
}

absl::Status MemoryCredentialStore::DiscardEvidence(std::string_view name, std::string_view id) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  const auto gone = std::erase_if(found->second.evidence,
                                  [id](const broker::Evidence& kept) { return kept.id == id; });
  if (gone != 1) return absl::NotFoundError("no such evidence");
  state_.Touch(found->second);
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::ForEach(
    absl::FunctionRef<void(broker::CredentialRecord)> visit) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, row] : state_.rows) visit(row.Snapshot());
  return absl::OkStatus();
}

absl::StatusOr<broker::CredentialRecord> MemoryCredentialStore::Load(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  return found->second.Snapshot();
}

absl::StatusOr<broker::StoreChanges> MemoryCredentialStore::ChangesSince(
    const std::string& cursor) {
  absl::MutexLock lock(&mutex_);
  if (!shared_) return broker::StoreChanges();
  uint64_t since = 0;
  if (!cursor.empty() && !absl::SimpleAtoi(cursor, &since)) {
    return absl::InvalidArgumentError("no cursor of this store");
  }
  broker::StoreChanges changes{.cursor = std::to_string(state_.version)};
  for (const auto& [name, row] : state_.rows) {
    if (row.record.version > since) changes.changed.push_back(row.Snapshot());
  }
  for (const auto& [name, gone] : state_.deleted) {
    if (gone.version > since) changes.deleted.push_back({name, gone.create_time});
  }
  return changes;
}

// ---- changes, and what is remembered of refresh tokens

MemoryCredentialStore::State MemoryCredentialStore::State::Copy() const {
  State copy{.rows = {}, .spent = spent, .deleted = deleted, .version = version};
  for (const auto& [name, row] : rows) {
    Row& twin = copy.rows[name];
    twin.record = row.record.Copy();
    twin.committed_attempt = row.committed_attempt;
    for (const broker::Evidence& kept : row.evidence) twin.evidence.push_back(kept.Copy());
    twin.held = row.held;
    twin.kept = row.kept;
  }
  return copy;
}

broker::TokenKnowledge MemoryCredentialStore::State::Know(std::string_view name,
                                                          const std::string& hash,
                                                          bool from_file) const {
  using Why = broker::SpentToken::Why;
  broker::TokenKnowledge known;
  const auto own = rows.find(name);
  if (own != rows.end() && own->second.held == hash) {
    const broker::CredentialRecord& record = own->second.record;
    known.current = true;
    if (record.rotates && record.doubt_since.has_value() && !record.attempt.has_value()) {
      known.spent = {.why = Why::kMayBeConsumed, .since = record.doubt_since->wall};
    }
    return known;
  }
  if (const auto found = spent.find(hash); found != spent.end()) {
    known.spent = {.why = Why::kSuperseded, .since = found->second};
    return known;
  }
  for (const auto& [other, row] : rows) {
    if (other == name || row.held != hash) continue;
    known.shared = true;
    if (!row.record.rotates && (row.kept || from_file)) continue;
    known.spent = {.why = Why::kHeldElsewhere,
                   .since = row.record.last_refresh_time.value_or(row.record.create_time)};
  }
  return known;
}

bool MemoryCredentialStore::State::HeldByAnother(std::string_view name,
                                                 const std::string& hash) const {
  return std::any_of(rows.begin(), rows.end(), [&](const auto& other) {
    return other.first != name && other.second.held == hash;
  });
}

void MemoryCredentialStore::State::Spend(const std::string& hash, absl::Time since) {
  if (hash.empty()) return;
  const auto [found, fresh] = spent.emplace(hash, since);
  found->second = std::min(found->second, since);
}

// A refresh token that is the credential's from now on.
void MemoryCredentialStore::State::Take(const Secret& refresh_token, Row& row, absl::Time now) {
  broker::CredentialRecord& record = row.record;
  const std::string hash = HashOf(refresh_token);
  if (row.held != hash) {
    if (!HeldByAnother(record.name, row.held)) Spend(row.held, now);
    row.held = hash;
    row.kept = false;
  }
  ++record.grant_serial;
  record.refresh_token = refresh_token.Copy();
  record.times = {.since = now, .expires = {}, .last_rotation = {}};
  record.grant = GrantState::kUsable;
  record.attempt.reset();
  record.doubt_since.reset();
  record.last_error_reason.clear();
  record.last_error = {};
  record.consecutive_failures = 0;
}

absl::Status MemoryCredentialStore::State::Grant(const broker::ReplaceGrant& change, Row& row,
                                                 absl::Time now) {
  const auto known = Know(change.name, HashOf(change.refresh_token), /*from_file=*/false);
  if (known.spent.has_value()) return SpentTokenError(*known.spent);
  if (known.current && row.record.attempt.has_value()) return absl::OkStatus();
  Take(change.refresh_token, row, now);
  row.record.held_since.reset();
  return absl::OkStatus();
}

broker::SeedOutcome MemoryCredentialStore::State::Adopt(const broker::AdoptSeed& change, Row& row,
                                                        absl::Time now) {
  using Became = broker::SeedOutcome::Became;
  broker::CredentialRecord& record = row.record;
  if (record.unreadable || record.seed == change.seed) return {.name = change.name};
  const auto known = Know(change.name, HashOf(change.seed), /*from_file=*/true);
  const bool declared = record.profile.managed_by_config;
  broker::SeedOutcome outcome{.name = change.name};
  if (known.current) {
    outcome.became = Became::kCurrent;
  } else if (known.spent.has_value()) {
    outcome.became = Became::kSpent;
    outcome.spent = known.spent;
  } else if (declared) {
    outcome.became = Became::kAdopted;
    outcome.shared = known.shared;
    Take(change.seed, row, now);
  } else {
    outcome.became = Became::kNoted;
  }
  if (outcome.became != Became::kSpent || !declared) record.seed = change.seed.Copy();
  return outcome;
}

// Works on a copy, which takes the place of the state when all went well.
absl::StatusOr<broker::Applied> MemoryCredentialStore::Apply(
    absl::Span<const broker::CredentialChange> changes, absl::FunctionRef<void()> progress) {
  absl::MutexLock lock(&mutex_);
  State changed = state_.Copy();
  broker::Applied applied;
  for (const broker::CredentialChange& change : changes) {
    absl::Status status = changed.Apply(change, clock_.WallNow(), applied);
    if (!status.ok()) return status;
    const Row& row = changed.rows.at(broker::NameOf(change));
    applied.records.push_back(row.Snapshot().CopyWithoutRefreshToken());
    progress();
  }
  state_ = std::move(changed);
  return applied;
}

absl::Status MemoryCredentialStore::State::Create(const broker::CreateCredential& change,
                                                  absl::Time now, broker::Applied& applied) {
  using Became = broker::SeedOutcome::Became;
  const broker::CredentialRecord& record = change.record;
  if (rows.contains(record.name)) return absl::AlreadyExistsError("the name is taken");
  const std::string hash = HashOf(record.refresh_token);
  broker::TokenKnowledge known;
  if (!hash.empty()) known = Know(record.name, hash, change.from_file);
  const bool spent = known.spent.has_value();
  if (spent && !change.from_file) return SpentTokenError(*known.spent);
  broker::CredentialRecord fresh;
  fresh.name = record.name;
  fresh.profile = record.profile.Copy();
  fresh.seed = record.seed.Copy();
  fresh.create_time = record.create_time;
  fresh.times.since = now;
  fresh.grant_serial = static_cast<uint64_t>(absl::ToUnixMicros(record.create_time));
  if (change.from_file) {
    applied.seeds.push_back({.name = record.name,
                             .became = spent ? Became::kSpent : Became::kAdopted,
                             .spent = known.spent,
                             .shared = known.shared});
  }
  if (spent) {
    fresh.grant = GrantState::kDead;
    fresh.last_error_reason = std::string(ReasonName(broker::Reason::kRefreshTokenSpent));
  } else {
    fresh.refresh_token = record.refresh_token.Copy();
  }
  Row& row = rows[record.name];
  row.held = spent ? std::string() : hash;
  row.record = std::move(fresh);
  Touch(row);
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::State::Apply(const broker::CredentialChange& change,
                                                 absl::Time now, broker::Applied& applied) {
  if (const auto* created = std::get_if<broker::CreateCredential>(&change)) {
    return Create(*created, now, applied);
  }
  const auto found = rows.find(broker::NameOf(change));
  if (found == rows.end()) return NoSuchCredential();
  Row& row = found->second;
  Touch(row);
  if (const auto* grant = std::get_if<broker::ReplaceGrant>(&change))
    return Grant(*grant, row, now);
  if (const auto* seed = std::get_if<broker::AdoptSeed>(&change)) {
    applied.seeds.push_back(Adopt(*seed, row, now));
  } else if (const auto* profile = std::get_if<broker::ChangeProfile>(&change)) {
    row.record.profile = profile->profile.Copy();
  } else if (const auto* disabled = std::get_if<broker::SetDisabled>(&change)) {
    row.record.disabled = disabled->disabled;
  }
  return absl::OkStatus();
}

// Before anything else is begun; nullopt: nothing speaks against sending the refresh token.
std::optional<broker::BeginOutcome> MemoryCredentialStore::State::Send(
    const broker::BeginRequest& request, Row& row, absl::Time now) {
  broker::CredentialRecord& record = row.record;
  if (record.generation != request.generation || record.grant == GrantState::kDead ||
      record.held_since.has_value()) {
    return std::nullopt;
  }
  if (row.held.empty()) return std::nullopt;
  if (const auto found = spent.find(row.held); found != spent.end()) {
    record.grant = GrantState::kDead;
    record.last_error_reason = std::string(ReasonName(broker::Reason::kRefreshTokenSpent));
    record.last_error = {};
    ++record.consecutive_failures;
    Touch(row);
    return broker::FoundSpent{.since = found->second};
  }
  bool kept = row.kept;
  std::optional<absl::Time> lease_end;
  for (const auto& [name, other] : rows) {
    if (name == request.name || other.held != row.held) continue;
    kept = kept || other.kept;
    const auto& attempt = other.record.attempt;
    if (attempt.has_value() && attempt->lease_end > now) {
      lease_end = std::max(lease_end.value_or(attempt->lease_end), attempt->lease_end);
    }
  }
  if (kept || !lease_end.has_value()) return std::nullopt;
  return broker::HeldByOther{.lease_left = *lease_end - now};
}

absl::StatusOr<broker::TokenKnowledge> MemoryCredentialStore::LookUp(std::string_view name,
                                                                     const Secret& refresh_token) {
  absl::MutexLock lock(&mutex_);
  return state_.Know(name, std::string(refresh_token.Reveal()), /*from_file=*/false);
}

absl::Status MemoryCredentialStore::HoldAll() {
  absl::MutexLock lock(&mutex_);
  for (auto& [name, row] : state_.rows) {
    if (!row.record.held_since.has_value()) row.record.held_since = clock_.WallNow();
    state_.Touch(row);
  }
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::Release(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  found->second.record.held_since.reset();
  state_.Touch(found->second);
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::Delete(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  const Row& row = found->second;
  const broker::CredentialRecord& record = row.record;
  std::optional<absl::Time> consumed;
  if (record.doubt_since.has_value()) consumed = record.doubt_since->wall;
  if (record.attempt.has_value()) {
    const absl::Time begun = record.attempt->begun.wall;
    consumed = std::min(consumed.value_or(begun), begun);
  }
  const bool harmless = row.kept && !record.rotates;
  if (consumed.has_value() && !harmless && !state_.HeldByAnother(name, row.held)) {
    state_.Spend(row.held, std::min(*consumed, clock_.WallNow()));
  }
  state_.deleted[std::string(name)] = {record.create_time, ++state_.version};
  state_.rows.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemoryCredentialStore::CountEvidence(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = state_.rows.find(name);
  if (found == state_.rows.end()) return NoSuchCredential();
  return static_cast<int64_t>(found->second.evidence.size());
}

}  // namespace token_service::testing
