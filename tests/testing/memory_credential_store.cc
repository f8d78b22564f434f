#include "tests/testing/memory_credential_store.h"

#include <algorithm>
#include <utility>

namespace token_service::testing {

using broker::Standing;

namespace {

absl::Status NoSuchCredential() { return absl::NotFoundError("no such credential"); }

void MoveAttemptIntoDoubt(broker::CredentialRecord& record) {
  const absl::Time begun = record.attempt->begun;
  record.doubt_since =
      record.doubt_since.has_value() ? std::min(*record.doubt_since, begun) : begun;
  record.attempt.reset();
}

}  // namespace

absl::StatusOr<broker::BeginOutcome> MemoryCredentialStore::Begin(
    const broker::BeginRequest& request) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(request.name);
  if (found == rows_.end()) return NoSuchCredential();
  broker::CredentialRecord& record = found->second.record;
  if (record.generation != request.generation || record.held_since.has_value()) {
    return broker::MovedOn{record.Copy()};
  }
  if (record.attempt.has_value()) {
    const bool own = request.take_over || record.attempt->holder == request.attempt.holder;
    if (!own && record.attempt->lease_end > request.attempt.begun) {
      return broker::HeldByOther{record.attempt->lease_end};
    }
    MoveAttemptIntoDoubt(record);
  }
  record.attempt = request.attempt;
  record.reserved_generation = std::max(record.reserved_generation, record.generation) + 1;
  return broker::Begun{record.Copy()};
}

absl::StatusOr<broker::CommitOutcome> MemoryCredentialStore::Commit(
    const broker::Rotation& rotation) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(rotation.name);
  if (found == rows_.end()) return NoSuchCredential();
  Row& row = found->second;
  broker::CredentialRecord& record = row.record;
  if (row.committed_attempt == rotation.attempt_id && record.generation == rotation.generation) {
    return broker::Committed{};
  }
  const bool newest = record.attempt.has_value() ? record.attempt->id == rotation.attempt_id
                                                 : record.grant_serial == rotation.grant_serial;
  if (!newest || rotation.generation <= record.generation) return broker::Fenced{record.Copy()};
  broker::Rotation copy = rotation.Copy();
  ++record.grant_serial;
  record.generation = copy.generation;
  record.refresh_token = std::move(copy.refresh_token);
  record.rotates = record.rotates || copy.rotated;
  record.last_refresh_time = copy.token.issued;
  record.token = std::move(copy.token);
  record.attempt.reset();
  record.doubt_since.reset();
  record.standing = Standing::kUsable;
  record.last_error_reason.clear();
  record.consecutive_failures = 0;
  row.committed_attempt = rotation.attempt_id;
  return broker::Committed{};
}

absl::Status MemoryCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(conclusion.name);
  if (found == rows_.end()) return NoSuchCredential();
  broker::CredentialRecord& record = found->second.record;
  if (!record.attempt.has_value() || record.attempt->id != conclusion.attempt_id) {
    return absl::OkStatus();
  }
  if (record.reserved_generation > record.generation) --record.reserved_generation;
  if (conclusion.in_doubt) {
    MoveAttemptIntoDoubt(record);
  } else {
    record.attempt.reset();
    if (conclusion.definite) record.doubt_since.reset();
  }
  record.standing = conclusion.standing;
  record.last_error_reason = conclusion.error_reason;
  ++record.consecutive_failures;
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::Quarantine(const broker::Evidence& evidence) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(evidence.name);
  if (found == rows_.end()) return NoSuchCredential();
  found->second.evidence.push_back(evidence.body.Copy());
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::ForEach(
    absl::FunctionRef<void(broker::CredentialRecord)> visit) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, row] : rows_) visit(row.record.Copy());
  return absl::OkStatus();
}

absl::StatusOr<broker::CredentialRecord> MemoryCredentialStore::Load(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(name);
  if (found == rows_.end()) return NoSuchCredential();
  return found->second.record.Copy();
}

absl::Status MemoryCredentialStore::Create(const broker::CredentialRecord& record) {
  absl::MutexLock lock(&mutex_);
  if (rows_.contains(record.name)) return absl::AlreadyExistsError("the name is taken");
  broker::CredentialRecord fresh;
  fresh.name = record.name;
  fresh.profile = record.profile.Copy();
  fresh.refresh_token = record.refresh_token.Copy();
  fresh.seed = record.seed.Copy();
  fresh.create_time = record.create_time;
  fresh.grant_serial = static_cast<uint64_t>(absl::ToUnixMicros(record.create_time));
  rows_[record.name].record = std::move(fresh);
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::UpdateProfile(std::string_view name,
                                                  const broker::CredentialProfile& profile) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(name);
  if (found == rows_.end()) return NoSuchCredential();
  found->second.record.profile = profile.Copy();
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::Move(std::string_view name,
                                         const broker::CredentialProfile& profile,
                                         const Secret& refresh_token) {
  if (absl::Status updated = UpdateProfile(name, profile); !updated.ok()) return updated;
  return ReplaceRefreshToken(name, refresh_token, /*from_file=*/false);
}

absl::Status MemoryCredentialStore::ReplaceRefreshToken(std::string_view name,
                                                        const Secret& refresh_token,
                                                        bool from_file) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(name);
  if (found == rows_.end()) return NoSuchCredential();
  broker::CredentialRecord& record = found->second.record;
  ++record.grant_serial;
  record.refresh_token = refresh_token.Copy();
  if (from_file) {
    record.seed = refresh_token.Copy();
  } else {
    record.held_since.reset();
  }
  record.standing = Standing::kUsable;
  record.attempt.reset();
  record.doubt_since.reset();
  record.last_error_reason.clear();
  record.consecutive_failures = 0;
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::SetStanding(std::string_view name, Standing standing) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(name);
  if (found == rows_.end()) return NoSuchCredential();
  Standing& stored = found->second.record.standing;
  if (stored != Standing::kRefreshTokenRejected) stored = standing;
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::HoldAll(absl::Time since) {
  absl::MutexLock lock(&mutex_);
  for (auto& [name, row] : rows_) {
    if (!row.record.held_since.has_value()) row.record.held_since = since;
  }
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::Release(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(name);
  if (found == rows_.end()) return NoSuchCredential();
  found->second.record.held_since.reset();
  return absl::OkStatus();
}

absl::Status MemoryCredentialStore::Delete(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(name);
  if (found == rows_.end()) return NoSuchCredential();
  rows_.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemoryCredentialStore::CountEvidence(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(name);
  if (found == rows_.end()) return NoSuchCredential();
  return static_cast<int64_t>(found->second.evidence.size());
}

}  // namespace token_service::testing
