#include "server/store/sqlite/token_rows.h"

#include <cstdint>
#include <utility>

namespace token_service::store {
namespace {

constexpr char kReadHeld[] = "SELECT hash, kept FROM held_tokens WHERE credential=?";
constexpr char kHold[] =
    "INSERT INTO held_tokens(credential, hash, kept) VALUES(?,?,?)"
    " ON CONFLICT(credential) DO UPDATE SET hash=excluded.hash, kept=excluded.kept";
constexpr char kOthers[] =
    "SELECT kept, rotates, attempt_lease_end, coalesce(last_refresh_time, create_time)"
    " FROM held_tokens JOIN credentials ON name=credential WHERE hash=? AND credential<>?";
constexpr char kReadSpent[] = "SELECT since FROM spent_tokens WHERE hash=?";
constexpr char kReadEverySpent[] = "SELECT hash, since FROM spent_tokens";
constexpr char kSpend[] =
    "INSERT INTO spent_tokens(hash, since) VALUES(?,?)"
    " ON CONFLICT(hash) DO UPDATE SET since=min(since, excluded.since)";
constexpr char kUnspend[] = "DELETE FROM spent_tokens WHERE hash=?";
constexpr char kReadKey[] = "SELECT sealed FROM token_hash_key";
constexpr char kWriteKey[] =
    "INSERT INTO token_hash_key(id, sealed) VALUES(1,?)"
    " ON CONFLICT(id) DO UPDATE SET sealed=excluded.sealed";

std::string TakeHash(SqliteQuery& query) { return std::string(query.BorrowedBytes()); }

}  // namespace

absl::StatusOr<std::optional<HeldToken>> ReadHeldToken(SqliteConnection& connection,
                                                       std::string_view credential) {
  SqliteQuery query(connection, kReadHeld);
  std::optional<HeldToken> held;
  if (query.Bind(credential).Step()) {
    held.emplace().hash = TakeHash(query);
    held->kept = query.Integer() != 0;
  }
  if (!query.status().ok()) return query.status();
  return held;
}

absl::Status HoldToken(SqliteConnection& connection, std::string_view credential,
                       const HeldToken& held) {
  const auto before = ReadHeldToken(connection, credential);
  if (!before.ok()) return before.status();
  if (before->has_value() && (*before)->hash == held.hash && (*before)->kept == held.kept) {
    return absl::OkStatus();
  }
  SqliteQuery query(connection, kHold);
  return query.Bind(credential).BindBytes(held.hash).Bind(int64_t{held.kept}).Run();
}

absl::StatusOr<std::vector<OtherHolder>> ReadOtherHolders(SqliteConnection& connection,
                                                          std::string_view credential,
                                                          std::string_view hash) {
  std::vector<OtherHolder> others;
  SqliteQuery query(connection, kOthers);
  query.BindBytes(hash).Bind(credential);
  while (query.Step()) {
    OtherHolder& other = others.emplace_back();
    other.kept = query.Integer() != 0;
    other.rotates = query.Integer() != 0;
    if (const auto end = query.OptionalInteger(); end.has_value()) {
      other.lease_end = absl::FromUnixNanos(*end);
    }
    other.since = absl::FromUnixNanos(query.Integer());
  }
  if (!query.status().ok()) return query.status();
  return others;
}

absl::StatusOr<std::optional<absl::Time>> ReadSpentSince(SqliteConnection& connection,
                                                         std::string_view hash) {
  SqliteQuery query(connection, kReadSpent);
  std::optional<absl::Time> since;
  if (query.BindBytes(hash).Step()) since = absl::FromUnixNanos(query.Integer());
  if (!query.status().ok()) return query.status();
  return since;
}

absl::Status SpendToken(SqliteConnection& connection, std::string_view hash, absl::Time since) {
  SqliteQuery query(connection, kSpend);
  return query.BindBytes(hash).Bind(absl::ToUnixNanos(since)).Run();
}

absl::Status ReadEverySpentToken(
    SqliteConnection& connection,
    absl::FunctionRef<absl::Status(std::string_view hash, absl::Time since)> visit) {
  SqliteQuery query(connection, kReadEverySpent);
  while (query.Step()) {
    const std::string hash = TakeHash(query);
    const absl::Time since = absl::FromUnixNanos(query.Integer());
    if (absl::Status status = visit(hash, since); !status.ok()) return status;
  }
  return query.status();
}

absl::Status UnspendToken(SqliteConnection& connection, std::string_view hash) {
  SqliteQuery query(connection, kUnspend);
  return query.BindBytes(hash).Run();
}

absl::StatusOr<Secret> ReadHashKey(SqliteConnection& connection) {
  SqliteQuery query(connection, kReadKey);
  Secret sealed;
  if (query.Step()) sealed = query.Bytes();
  if (!query.status().ok()) return query.status();
  return sealed;
}

absl::Status WriteHashKey(SqliteConnection& connection, const Secret& sealed) {
  SqliteQuery query(connection, kWriteKey);
  return query.Bind(sealed).Run();
}

}  // namespace token_service::store
