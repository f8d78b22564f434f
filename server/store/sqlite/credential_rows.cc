#include "server/store/sqlite/credential_rows.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "server/store/properties_text.h"
#include "server/telemetry/log.h"

namespace token_service::store {
namespace {

using broker::CredentialRecord;
using broker::GrantState;

#define TS_COLUMNS                                                                               \
  "name, purpose, client_id, token_endpoint, scope, client_auth, client_secret,"                 \
  " managed_by_config, refresh_token, seed, rotates, grant_state, generation, create_time,"      \
  " last_error_reason, consecutive_failures, committed_attempt, doubt_since, last_refresh_time," \
  " access_token, token_type, token_scope, token_issued, token_expires,"                         \
  " attempt_id, attempt_holder, attempt_begun, attempt_lease_end,"                               \
  " reserved_generation, grant_serial, held_since, token_boot_id, token_since_boot,"             \
  " attempt_boot_id, attempt_since_boot, doubt_boot_id, doubt_since_boot, disabled,"             \
  " provider, token_properties, refresh_token_since, refresh_token_expires, last_rotation_time," \
  " error_status, error_code, error_description, grant_type"

#define TS_STANDING                                                               \
  ", (SELECT count(*) FROM evidence WHERE credential=credentials.name AND stands" \
  " AND evidence.grant_serial>=credentials.grant_serial)"
constexpr char kSelectOne[] = "SELECT " TS_COLUMNS TS_STANDING " FROM credentials WHERE name=?";
constexpr char kSelectAll[] = "SELECT " TS_COLUMNS TS_STANDING " FROM credentials ORDER BY name";
#undef TS_STANDING
constexpr char kInsert[] =
    "INSERT INTO credentials(" TS_COLUMNS
    ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
    "?,?,?,?,?,?,?,?,?)";
constexpr char kUpdate[] =
    "UPDATE credentials SET (" TS_COLUMNS
    ")=(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,"
    "?20,?21,?22,?23,?24,?25,?26,?27,?28,?29,?30,?31,?32,?33,?34,?35,?36,?37,?38,?39,?40,?41,"
    "?42,?43,?44,?45,?46,?47) WHERE name=?1";
#undef TS_COLUMNS
constexpr char kExists[] = "SELECT 1 FROM credentials WHERE name=?";
constexpr char kDelete[] = "DELETE FROM credentials WHERE name=?";
constexpr char kHoldAll[] = "UPDATE credentials SET held_since=? WHERE held_since IS NULL";
constexpr char kHoldSpendable[] =
    "UPDATE credentials SET held_since=?"
    " WHERE held_since IS NULL AND grant_type='refresh_token' AND (rotates<>0 OR generation=0)";
constexpr char kCountCredentials[] = "SELECT count(*) FROM credentials";
constexpr char kInsertEvidence[] =
    "INSERT INTO evidence(credential, attempt_id, generation, time, body, http_status,"
    " grant_serial, stands) VALUES(?,?,?,?,?,?,?,?)";
// In what order they go: see kMostEvidence.
constexpr char kTrimEvidence[] =
    "DELETE FROM evidence WHERE id IN (SELECT e.id FROM evidence e JOIN credentials c"
    " ON c.name=e.credential WHERE e.credential=?1 AND e.id<>last_insert_rowid()"
    " ORDER BY (e.stands AND e.grant_serial>=c.grant_serial),"
    " (e.id=(SELECT min(f.id) FROM evidence f WHERE f.credential=?1 AND f.stands"
    " AND f.grant_serial>=c.grant_serial)), e.id"
    " LIMIT max(0,(SELECT count(*) FROM evidence WHERE credential=?1)-?2))";
constexpr char kChanges[] = "SELECT changes()";
// An id that comes back after its row is gone is no other row's: hence the attempt.
constexpr char kSelectEvidence[] =
    "SELECT e.id || '-' || substr(e.attempt_id,1,8), e.attempt_id, e.generation, e.time, e.body,"
    " e.http_status, e.grant_serial, e.stands AND e.grant_serial>=c.grant_serial, e.sent, e.tried"
    " FROM evidence e JOIN credentials c ON c.name=e.credential WHERE e.credential=? ORDER BY e.id";
#define TS_EVIDENCE_ID " WHERE credential=? AND id || '-' || substr(attempt_id,1,8)=?"
constexpr char kWasSent[] = "SELECT sent FROM evidence" TS_EVIDENCE_ID;
constexpr char kMarkSent[] = "UPDATE evidence SET sent=1" TS_EVIDENCE_ID;
constexpr char kMarkTried[] = "UPDATE evidence SET tried=1" TS_EVIDENCE_ID;
constexpr char kMarkRefused[] = "UPDATE evidence SET stands=0" TS_EVIDENCE_ID;
constexpr char kDeleteEvidence[] = "DELETE FROM evidence" TS_EVIDENCE_ID;
#undef TS_EVIDENCE_ID
constexpr char kCountEvidence[] = "SELECT count(*) FROM evidence WHERE credential=?";

// The words in the file outlive the order of the enumerators.
constexpr std::pair<GrantState, std::string_view> kGrantStates[] = {
    {GrantState::kUsable, "usable"},
    {GrantState::kDead, "dead"},
    {GrantState::kClientRefused, "client_refused"},
};

std::string_view GrantStateName(GrantState state) {
  for (const auto& [value, name] : kGrantStates) {
    if (value == state) return name;
  }
  return "usable";
}

std::optional<GrantState> GrantStateNamed(std::string_view text) {
  for (const auto& [value, name] : kGrantStates) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::optional<int64_t> ToNumber(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return std::nullopt;
  return absl::ToUnixNanos(*time);
}

// ToUnixNanos saturates; what was infinite comes back so.
absl::Time ToTime(int64_t nanoseconds) {
  if (nanoseconds == INT64_MAX) return absl::InfiniteFuture();
  if (nanoseconds == INT64_MIN) return absl::InfinitePast();
  return absl::FromUnixNanos(nanoseconds);
}

std::optional<absl::Time> ToTime(std::optional<int64_t> nanoseconds) {
  if (!nanoseconds.has_value()) return std::nullopt;
  return ToTime(*nanoseconds);
}

std::optional<int64_t> ToNumber(const std::optional<Moment>& moment) {
  if (!moment.has_value()) return std::nullopt;
  return absl::ToUnixNanos(moment->wall);
}

// A moment's other half, beside the wall clock's. What is bound is not copied: the moment outlives
// the query. Null: there is none.
void BindOnBoot(const Moment* moment, SqliteQuery& query) {
  if (moment == nullptr) {
    query.Bind(std::string_view()).Bind(int64_t{0});
  } else {
    query.Bind(moment->boot_id).Bind(absl::ToInt64Nanoseconds(moment->since_boot));
  }
}

// Of what is not there, too.
void TakeOnBoot(SqliteQuery& query, Moment* moment) {
  const std::string boot_id(query.Text());
  const absl::Duration since_boot = absl::Nanoseconds(query.Integer());
  if (moment != nullptr) *moment = Moment(moment->wall, boot_id, since_boot);
}

// The order is TS_COLUMNS', below too. `properties`: of the token; outlives the query.
void BindRow(const StoredRow& row, const std::string& properties, SqliteQuery& query) {
  const CredentialRecord& record = row.record;
  query.Bind(record.name)
      .Bind(record.profile.purpose)
      .Bind(record.profile.client_id)
      .Bind(record.profile.token_endpoint)
      .Bind(record.profile.scope)
      .Bind(record.profile.client_auth)
      .Bind(record.profile.client_secret)
      .Bind(int64_t{record.profile.managed_by_config})
      .Bind(record.refresh_token)
      .Bind(record.seed)
      .Bind(int64_t{record.rotates})
      .Bind(GrantStateName(record.grant))
      .Bind(static_cast<int64_t>(record.generation))
      .Bind(absl::ToUnixNanos(record.create_time))
      .Bind(record.last_error_reason)
      .Bind(int64_t{record.consecutive_failures})
      .Bind(row.committed_attempt)
      .Bind(ToNumber(record.doubt_since))
      .Bind(ToNumber(record.last_refresh_time));
  if (record.token.has_value()) {
    query.Bind(record.token->value)
        .Bind(record.token->token_type)
        .Bind(record.token->scope)
        .Bind(absl::ToUnixNanos(record.token->issued.wall))
        .Bind(absl::ToUnixNanos(record.token->expires));
  } else {
    query.BindNull().BindNull().BindNull().BindNull().BindNull();
  }
  if (record.attempt.has_value()) {
    query.Bind(record.attempt->id)
        .Bind(record.attempt->holder)
        .Bind(absl::ToUnixNanos(record.attempt->begun.wall))
        .Bind(absl::ToUnixNanos(record.attempt->lease_end));
  } else {
    query.BindNull().BindNull().BindNull().BindNull();
  }
  query.Bind(static_cast<int64_t>(record.reserved_generation))
      .Bind(static_cast<int64_t>(record.grant_serial))
      .Bind(ToNumber(record.held_since));
  BindOnBoot(record.token.has_value() ? &record.token->issued : nullptr, query);
  BindOnBoot(record.attempt.has_value() ? &record.attempt->begun : nullptr, query);
  BindOnBoot(record.doubt_since.has_value() ? &*record.doubt_since : nullptr, query);
  query.Bind(int64_t{record.disabled})
      .Bind(record.profile.provider)
      .Bind(properties)
      .Bind(ToNumber(record.times.since))
      .Bind(ToNumber(record.times.expires))
      .Bind(ToNumber(record.times.last_rotation))
      .Bind(int64_t{record.last_error.http_status})
      .Bind(record.last_error.code)
      .Bind(record.last_error.description)
      .Bind(record.profile.grant);
}

std::string PropertiesOf(const StoredRow& row) {
  const auto& token = row.record.token;
  return token.has_value() ? PropertiesText(token->properties) : std::string();
}

StoredRow TakeRow(SqliteQuery& query) {
  StoredRow row;
  CredentialRecord& record = row.record;
  record.name = query.Text();
  record.profile.purpose = query.Text();
  record.profile.client_id = query.Text();
  record.profile.token_endpoint = query.Text();
  record.profile.scope = query.Text();
  record.profile.client_auth = query.Text();
  record.profile.client_secret = query.Bytes();
  record.profile.managed_by_config = query.Integer() != 0;
  record.refresh_token = query.Bytes();
  record.seed = query.Bytes();
  record.rotates = query.Integer() != 0;
  if (const auto state = GrantStateNamed(query.Text()); state.has_value()) {
    record.grant = *state;
  } else {
    record.unreadable = true;
  }
  record.generation = static_cast<uint64_t>(query.Integer());
  record.create_time = ToTime(query.Integer());
  record.last_error_reason = query.Text();
  record.consecutive_failures = static_cast<uint32_t>(query.Integer());
  row.committed_attempt = query.Text();
  record.doubt_since = ToTime(query.OptionalInteger());
  record.last_refresh_time = ToTime(query.OptionalInteger());
  if (query.IsNull()) {
    for (int i = 0; i < 5; ++i) query.Skip();
  } else {
    broker::StoredToken& token = record.token.emplace();
    token.value = query.Bytes();
    token.token_type = query.Text();
    token.scope = query.Text();
    token.issued = ToTime(query.Integer());
    token.expires = ToTime(query.Integer());
  }
  if (query.IsNull()) {
    for (int i = 0; i < 4; ++i) query.Skip();
  } else {
    broker::Attempt& attempt = record.attempt.emplace();
    attempt.id = query.Text();
    attempt.holder = query.Text();
    attempt.begun = ToTime(query.Integer());
    attempt.lease_end = ToTime(query.Integer());
  }
  record.reserved_generation = static_cast<uint64_t>(query.Integer());
  record.grant_serial = static_cast<uint64_t>(query.Integer());
  record.held_since = ToTime(query.OptionalInteger());
  TakeOnBoot(query, record.token.has_value() ? &record.token->issued : nullptr);
  TakeOnBoot(query, record.attempt.has_value() ? &record.attempt->begun : nullptr);
  TakeOnBoot(query, record.doubt_since.has_value() ? &*record.doubt_since : nullptr);
  record.disabled = query.Integer() != 0;
  record.profile.provider = query.Text();
  const std::string properties(query.Text());
  if (record.token.has_value()) {
    if (auto read = PropertiesFromText(properties); read.has_value()) {
      record.token->properties = *std::move(read);
    } else {
      record.unreadable = true;
    }
  }
  record.times.since = ToTime(query.OptionalInteger());
  record.times.expires = ToTime(query.OptionalInteger());
  record.times.last_rotation = ToTime(query.OptionalInteger());
  record.last_error.http_status = static_cast<int>(query.Integer());
  record.last_error.code = query.Text();
  record.last_error.description = query.Text();
  record.profile.grant = query.Text();
  record.standing_evidence = query.Integer();
  return row;
}

absl::Status CheckExists(SqliteConnection& connection, std::string_view name) {
  SqliteQuery query(connection, kExists);
  if (query.Bind(name).Step()) return absl::OkStatus();
  return query.status().ok() ? absl::NotFoundError("no such credential") : query.status();
}

int64_t Changes(SqliteConnection& connection) {
  SqliteQuery query(connection, kChanges);
  return query.Step() ? query.Integer() : 0;
}

absl::Status ChangeEvidence(SqliteConnection& connection, const char* sql, std::string_view name,
                            std::string_view id) {
  if (absl::Status status = CheckExists(connection, name); !status.ok()) return status;
  SqliteQuery query(connection, sql);
  if (absl::Status status = query.Bind(name).Bind(id).Run(); !status.ok()) return status;
  return Changes(connection) == 1 ? absl::OkStatus() : absl::NotFoundError("no such evidence");
}

}  // namespace

absl::StatusOr<StoredRow> ReadRow(SqliteConnection& connection, std::string_view name) {
  SqliteQuery query(connection, kSelectOne);
  if (query.Bind(name).Step()) return TakeRow(query);
  return query.status().ok() ? absl::NotFoundError("no such credential") : query.status();
}

absl::Status ReadEveryRow(SqliteConnection& connection, absl::FunctionRef<void(StoredRow)> visit) {
  SqliteQuery query(connection, kSelectAll);
  while (query.Step()) visit(TakeRow(query));
  return query.status();
}

absl::Status InsertRow(SqliteConnection& connection, const StoredRow& row) {
  const absl::Status exists = CheckExists(connection, row.record.name);
  if (exists.ok()) return absl::AlreadyExistsError("the name is taken");
  if (!absl::IsNotFound(exists)) return exists;
  const std::string properties = PropertiesOf(row);
  SqliteQuery query(connection, kInsert);
  BindRow(row, properties, query);
  return query.Run();
}

absl::Status UpdateRow(SqliteConnection& connection, const StoredRow& row) {
  const std::string properties = PropertiesOf(row);
  SqliteQuery query(connection, kUpdate);
  BindRow(row, properties, query);
  return query.Run();
}

absl::Status DeleteRow(SqliteConnection& connection, std::string_view name) {
  if (absl::Status status = CheckExists(connection, name); !status.ok()) return status;
  SqliteQuery query(connection, kDelete);
  return query.Bind(name).Run();
}

absl::Status HoldEveryRow(SqliteConnection& connection, absl::Time since) {
  SqliteQuery query(connection, kHoldAll);
  return query.Bind(absl::ToUnixNanos(since)).Run();
}

absl::Status HoldSpendableRows(SqliteConnection& connection, absl::Time since) {
  SqliteQuery query(connection, kHoldSpendable);
  return query.Bind(absl::ToUnixNanos(since)).Run();
}

absl::StatusOr<int64_t> CountCredentialRows(SqliteConnection& connection) {
  SqliteQuery query(connection, kCountCredentials);
  const int64_t count = query.Step() ? query.Integer() : 0;
  if (!query.status().ok()) return query.status();
  return count;
}

absl::Status InsertEvidence(SqliteConnection& connection, const broker::Evidence& evidence,
                            absl::Time now) {
  SqliteQuery insert(connection, kInsertEvidence);
  absl::Status status = insert.Bind(evidence.name)
                            .Bind(evidence.attempt_id)
                            .Bind(static_cast<int64_t>(evidence.generation))
                            .Bind(absl::ToUnixNanos(now))
                            .Bind(evidence.body)
                            .Bind(int64_t{evidence.http_status})
                            .Bind(static_cast<int64_t>(evidence.grant_serial))
                            .Bind(int64_t{evidence.stands})
                            .Run();
  if (!status.ok()) return status;
  SqliteQuery trim(connection, kTrimEvidence);
  status = trim.Bind(evidence.name).Bind(static_cast<int64_t>(broker::kMostEvidence)).Run();
  if (!status.ok()) return status;
  if (const int64_t gone = Changes(connection); gone > 0) {
    telemetry::Log(telemetry::Level::kError, "quarantined answers dropped: there were too many",
                   {{"credential", evidence.name}, {"dropped", gone}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<broker::Evidence>> ReadEvidenceOf(SqliteConnection& connection,
                                                             std::string_view name) {
  if (absl::Status status = CheckExists(connection, name); !status.ok()) return status;
  std::vector<broker::Evidence> list;
  SqliteQuery query(connection, kSelectEvidence);
  query.Bind(name);
  while (query.Step()) {
    broker::Evidence& evidence = list.emplace_back();
    evidence.name = std::string(name);
    evidence.id = query.Text();
    evidence.attempt_id = query.Text();
    evidence.generation = static_cast<uint64_t>(query.Integer());
    evidence.time = ToTime(query.Integer());
    evidence.body = query.Bytes();
    evidence.http_status = static_cast<int>(query.Integer());
    evidence.grant_serial = static_cast<uint64_t>(query.Integer());
    evidence.stands = query.Integer() != 0;
    evidence.sent = query.Integer() != 0;
    evidence.tried = query.Integer() != 0;
  }
  if (!query.status().ok()) return query.status();
  return list;
}

absl::StatusOr<bool> MarkEvidenceSent(SqliteConnection& connection, std::string_view name,
                                      std::string_view id) {
  SqliteQuery query(connection, kWasSent);
  const bool sent = query.Bind(name).Bind(id).Step() && query.Integer() != 0;
  if (!query.status().ok()) return query.status();
  absl::Status status = ChangeEvidence(connection, kMarkSent, name, id);
  if (!status.ok()) return status;
  return sent;
}

absl::Status MarkEvidenceRow(SqliteConnection& connection, std::string_view name,
                             std::string_view id, broker::EvidenceMark mark) {
  return ChangeEvidence(connection,
                        mark == broker::EvidenceMark::kTried ? kMarkTried : kMarkRefused, name, id);
}

absl::Status DeleteEvidenceRow(SqliteConnection& connection, std::string_view name,
                               std::string_view id) {
  return ChangeEvidence(connection, kDeleteEvidence, name, id);
}

absl::StatusOr<int64_t> CountEvidenceRows(SqliteConnection& connection, std::string_view name) {
  if (absl::Status status = CheckExists(connection, name); !status.ok()) return status;
  SqliteQuery query(connection, kCountEvidence);
  const int64_t count = query.Bind(name).Step() ? query.Integer() : 0;
  if (!query.status().ok()) return query.status();
  return count;
}

}  // namespace token_service::store
