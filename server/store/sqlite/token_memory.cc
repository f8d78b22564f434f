#include "server/store/sqlite/token_memory.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/broker/reason.h"
#include "server/store/sqlite/token_rows.h"

namespace token_service::store {
namespace {

using broker::SpentToken;
using broker::TokenKnowledge;

// A provider that was seen to leave it in use may be expected to go on so. A file cannot be told to
// wait until that is known, an operator can.
bool MayBeShared(const OtherHolder& other, bool from_file) {
  return !other.rotates && (other.kept || from_file);
}

absl::Status AsStatus(const TokenKnowledge& known) {
  return known.spent.has_value() ? SpentTokenError(*known.spent) : absl::OkStatus();
}

}  // namespace

std::optional<absl::Time> MayBeConsumedSince(const broker::CredentialRecord& record) {
  std::optional<absl::Time> since;
  if (record.doubt_since.has_value()) since = record.doubt_since->wall;
  if (record.attempt.has_value()) {
    const absl::Time begun = record.attempt->begun.wall;
    since = std::min(since.value_or(begun), begun);
  }
  return since;
}

absl::StatusOr<TokenKnowledge> KnowToken(SqliteConnection& connection, std::string_view credential,
                                         const StoredRow* row, std::string_view hash,
                                         bool from_file) {
  TokenKnowledge known;
  const auto held = ReadHeldToken(connection, credential);
  if (!held.ok()) return held.status();
  if (held->has_value() && (*held)->hash == hash) {
    known.current = true;
    const bool in_doubt = row != nullptr && row->record.rotates &&
                          row->record.doubt_since.has_value() && !row->record.attempt.has_value();
    if (in_doubt) {
      known.spent = {.why = SpentToken::Why::kMayBeConsumed,
                     .since = row->record.doubt_since->wall};
    }
    return known;
  }
  const auto since = ReadSpentSince(connection, hash);
  if (!since.ok()) return since.status();
  if (since->has_value()) {
    known.spent = {.why = SpentToken::Why::kSuperseded, .since = **since};
    return known;
  }
  const auto others = ReadOtherHolders(connection, credential, hash);
  if (!others.ok()) return others.status();
  known.shared = !others->empty();
  for (const OtherHolder& other : *others) {
    if (MayBeShared(other, from_file)) continue;
    known.spent = {.why = SpentToken::Why::kHeldElsewhere, .since = other.since};
  }
  return known;
}

absl::Status RememberCreated(SqliteConnection& connection, std::string_view credential,
                             std::string_view hash) {
  if (hash.empty()) return absl::OkStatus();
  return HoldToken(connection, credential, {.hash = std::string(hash)});
}

absl::Status RememberAdopted(SqliteConnection& connection, std::string_view credential,
                             std::string_view hash, absl::Time now) {
  const auto held = ReadHeldToken(connection, credential);
  if (!held.ok()) return held.status();
  if (held->has_value()) {
    const auto others = ReadOtherHolders(connection, credential, (*held)->hash);
    if (!others.ok()) return others.status();
    if (others->empty()) {
      absl::Status spent = SpendToken(connection, (*held)->hash, now);
      if (!spent.ok()) return spent;
    }
  }
  return HoldToken(connection, credential, {.hash = std::string(hash)});
}

absl::StatusOr<bool> RememberGranted(SqliteConnection& connection,
                                     const broker::ReplaceGrant& change, const std::string& hash,
                                     const StoredRow& row, absl::Time now) {
  const auto known = KnowToken(connection, change.name, &row, hash, /*from_file=*/false);
  if (!known.ok()) return known.status();
  if (absl::Status status = AsStatus(*known); !status.ok()) return status;
  // Its exchange is under way: to forget the attempt would be to fence its answer.
  if (known->current) return !row.record.attempt.has_value();
  absl::Status status = RememberAdopted(connection, change.name, hash, now);
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<std::optional<broker::BeginOutcome>> RememberSent(
    SqliteConnection& connection, const broker::BeginRequest& request, const std::string& hash,
    absl::Time now, StoredRow& row) {
  using Outcome = std::optional<broker::BeginOutcome>;
  const broker::CredentialRecord& record = row.record;
  if (record.generation != request.generation || record.grant == broker::GrantState::kDead ||
      record.held_since.has_value()) {
    return Outcome();
  }
  auto held = ReadHeldToken(connection, request.name);
  if (!held.ok()) return held.status();
  // The row is what will be sent.
  if (!hash.empty() && (!held->has_value() || (*held)->hash != hash)) {
    held->emplace().hash = hash;
    absl::Status status = HoldToken(connection, request.name, **held);
    if (!status.ok()) return status;
  }
  if (!held->has_value()) return Outcome();
  const auto since = ReadSpentSince(connection, (*held)->hash);
  if (!since.ok()) return since.status();
  if (since->has_value()) {
    return Outcome(ApplyFoundSpent(**since, ReasonName(broker::Reason::kRefreshTokenSpent), row));
  }
  const auto others = ReadOtherHolders(connection, request.name, (*held)->hash);
  if (!others.ok()) return others.status();
  bool kept = (*held)->kept;
  std::optional<absl::Time> lease_end;
  for (const OtherHolder& other : *others) {
    kept = kept || other.kept;
    if (!other.lease_end.has_value() || *other.lease_end <= now) continue;
    lease_end = std::max(lease_end.value_or(*other.lease_end), *other.lease_end);
  }
  if (kept || !lease_end.has_value()) return Outcome();
  return Outcome(broker::HeldByOther{.lease_left = *lease_end - now});
}

absl::Status RememberCandidate(SqliteConnection& connection, const StoredRow& row,
                               std::string_view hash, bool sent_before, absl::Time now) {
  const auto known = KnowToken(connection, row.record.name, &row, hash, /*from_file=*/false);
  if (!known.ok()) return known.status();
  // What the answer itself has made spent may be sent again, by the rule of replays.
  if (!sent_before && !known->current) {
    if (absl::Status status = AsStatus(*known); !status.ok()) return status;
  }
  // The current one is remembered as such.
  return known->current ? absl::OkStatus() : SpendToken(connection, hash, now);
}

absl::Status RememberCommitted(SqliteConnection& connection, const broker::Rotation& rotation,
                               const std::string& hash, absl::Time sent) {
  const auto held = ReadHeldToken(connection, rotation.name);
  if (!held.ok()) return held.status();
  if (rotation.rotated && held->has_value() && (*held)->hash != hash) {
    absl::Status status = SpendToken(connection, (*held)->hash, sent);
    if (!status.ok()) return status;
  }
  // Its provider's word counts, whatever was thought of it.
  if (absl::Status status = UnspendToken(connection, hash); !status.ok()) return status;
  return HoldToken(connection, rotation.name, {.hash = hash, .kept = !rotation.rotated});
}

absl::Status RememberDeleted(SqliteConnection& connection, const StoredRow& row, absl::Time now) {
  const auto held = ReadHeldToken(connection, row.record.name);
  if (!held.ok()) return held.status();
  if (!held->has_value()) return absl::OkStatus();
  const std::optional<absl::Time> consumed = MayBeConsumedSince(row.record);
  if (!consumed.has_value() || ((*held)->kept && !row.record.rotates)) return absl::OkStatus();
  const auto others = ReadOtherHolders(connection, row.record.name, (*held)->hash);
  if (!others.ok()) return others.status();
  if (!others->empty()) return absl::OkStatus();
  return SpendToken(connection, (*held)->hash, std::min(*consumed, now));
}

}  // namespace token_service::store
