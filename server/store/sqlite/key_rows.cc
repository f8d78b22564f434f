#include "server/store/sqlite/key_rows.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "server/store/sealing/sealed_pair.h"
#include "server/store/sealing/sealer.h"
#include "server/store/sqlite/token_rows.h"

namespace token_service::store {
namespace {

constexpr char kSealedOfCredentials[] =
    "SELECT name, refresh_token, seed, client_secret, access_token FROM credentials WHERE name > ?"
    " ORDER BY name";
constexpr char kSealedOfEvidence[] = "SELECT id, body FROM evidence WHERE id > ? ORDER BY id";
constexpr char kReadEvidence[] = "SELECT credential, generation, body FROM evidence WHERE id=?";
constexpr char kUpdateEvidence[] = "UPDATE evidence SET body=? WHERE id=?";
constexpr char kReadKeys[] = "SELECT id, fingerprint FROM loaded_keys ORDER BY position";
constexpr char kClearKeys[] = "DELETE FROM loaded_keys";
constexpr char kInsertKey[] = "INSERT INTO loaded_keys(position, id, fingerprint) VALUES(?,?,?)";
constexpr char kCountRows[] =
    "SELECT (SELECT count(*) FROM credentials) + (SELECT count(*) FROM evidence)";

// Whose values these are; in SQLite's own memory, until the next step.
struct SealedValues {
  std::array<std::string_view, 4> key_ids;  // Empty: sealed with none.
  size_t count = 0;

  bool AllUnder(std::string_view key) const {
    return std::all_of(key_ids.begin(), key_ids.begin() + count,
                       [key](std::string_view id) { return id == key; });
  }
};

// The four columns after the name.
SealedValues TakeValues(SqliteQuery& query) {
  SealedValues values;
  values.key_ids[values.count++] = Sealer::KeyId(SplitPair(query.BorrowedBytes()).grant);
  values.key_ids[values.count++] = Sealer::KeyId(SplitPair(query.BorrowedBytes()).seed);
  values.key_ids[values.count++] = Sealer::KeyId(query.BorrowedBytes());
  if (!query.IsNull()) values.key_ids[values.count++] = Sealer::KeyId(query.BorrowedBytes());
  return values;
}

KeyNeed& NeedOf(KeyNeeds& needs, std::string_view id) {
  const auto found = needs.find(id);
  return found != needs.end() ? found->second : needs[std::string(id)];
}

}  // namespace

absl::StatusOr<KeyNeeds> ReadKeyNeeds(SqliteConnection& connection) {
  KeyNeeds needs;
  SqliteQuery credentials(connection, kSealedOfCredentials);
  credentials.Bind(std::string_view());
  while (credentials.Step()) {
    credentials.Skip();
    const SealedValues values = TakeValues(credentials);
    std::set<std::string_view> distinct;
    for (size_t i = 0; i < values.count; ++i) {
      const std::string_view id = values.key_ids[i];
      if (id.empty()) continue;
      ++NeedOf(needs, id).values;
      if (distinct.insert(id).second) ++NeedOf(needs, id).credentials;
    }
  }
  if (!credentials.status().ok()) return credentials.status();
  SqliteQuery evidence(connection, kSealedOfEvidence);
  evidence.Bind(int64_t{0});
  while (evidence.Step()) {
    evidence.Skip();
    const std::string_view id = Sealer::KeyId(evidence.BorrowedBytes());
    if (id.empty()) continue;
    KeyNeed& need = NeedOf(needs, id);
    ++need.values;
    ++need.evidence;
  }
  if (!evidence.status().ok()) return evidence.status();
  const absl::StatusOr<Secret> hash_key = ReadHashKey(connection);
  if (!hash_key.ok()) return hash_key.status();
  if (const std::string_view id = Sealer::KeyId(hash_key->Reveal()); !id.empty()) {
    KeyNeed& need = NeedOf(needs, id);
    ++need.values;
    ++need.hash_keys;
  }
  return needs;
}

absl::StatusOr<std::vector<KeyFact>> ReadKeyFacts(SqliteConnection& connection) {
  std::vector<KeyFact> facts;
  SqliteQuery query(connection, kReadKeys);
  while (query.Step()) {
    KeyFact& fact = facts.emplace_back();
    fact.id = query.Text();
    fact.fingerprint = query.Text();
  }
  if (!query.status().ok()) return query.status();
  return facts;
}

absl::Status WriteKeyFacts(SqliteConnection& connection, const std::vector<KeyFact>& loaded) {
  const absl::StatusOr<std::vector<KeyFact>> recorded = ReadKeyFacts(connection);
  if (!recorded.ok()) return recorded.status();
  if (*recorded == loaded) return absl::OkStatus();  // Costs no sync.
  if (absl::Status status = SqliteQuery(connection, kClearKeys).Run(); !status.ok()) return status;
  int64_t position = 0;
  for (const KeyFact& key : loaded) {
    SqliteQuery query(connection, kInsertKey);
    absl::Status status = query.Bind(position++).Bind(key.id).Bind(key.fingerprint).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckKeysOf(SqliteConnection& connection, const std::vector<KeyFact>& loaded) {
  const absl::StatusOr<KeyNeeds> needs = ReadKeyNeeds(connection);
  if (!needs.ok()) return needs.status();
  const absl::StatusOr<std::vector<KeyFact>> recorded = ReadKeyFacts(connection);
  if (!recorded.ok()) return recorded.status();
  return CheckKeys(*needs, *recorded, loaded);
}

absl::StatusOr<std::vector<std::string>> NamesNotUnder(SqliteConnection& connection,
                                                       std::string_view key, std::string_view after,
                                                       size_t most) {
  std::vector<std::string> names;
  SqliteQuery query(connection, kSealedOfCredentials);
  query.Bind(after);
  while (names.size() < most && query.Step()) {
    std::string name = query.Text();
    if (!TakeValues(query).AllUnder(key)) names.push_back(std::move(name));
  }
  if (!query.status().ok()) return query.status();
  return names;
}

absl::StatusOr<std::vector<int64_t>> EvidenceNotUnder(SqliteConnection& connection,
                                                      std::string_view key, int64_t after,
                                                      size_t most) {
  std::vector<int64_t> ids;
  SqliteQuery query(connection, kSealedOfEvidence);
  query.Bind(after);
  while (ids.size() < most && query.Step()) {
    const int64_t id = query.Integer();
    if (Sealer::KeyId(query.BorrowedBytes()) != key) ids.push_back(id);
  }
  if (!query.status().ok()) return query.status();
  return ids;
}

absl::StatusOr<broker::Evidence> ReadEvidence(SqliteConnection& connection, int64_t id) {
  SqliteQuery query(connection, kReadEvidence);
  if (!query.Bind(id).Step()) {
    return query.status().ok() ? absl::NotFoundError("no such evidence") : query.status();
  }
  broker::Evidence evidence;
  evidence.name = query.Text();
  evidence.generation = static_cast<uint64_t>(query.Integer());
  evidence.body = query.Bytes();
  return evidence;
}

absl::Status UpdateEvidenceBody(SqliteConnection& connection, int64_t id, const Secret& body) {
  SqliteQuery query(connection, kUpdateEvidence);
  return query.Bind(body).Bind(id).Run();
}

absl::StatusOr<int64_t> CountRows(SqliteConnection& connection) {
  SqliteQuery query(connection, kCountRows);
  const int64_t count = query.Step() ? query.Integer() : 0;
  if (!query.status().ok()) return query.status();
  return count;
}

}  // namespace token_service::store
