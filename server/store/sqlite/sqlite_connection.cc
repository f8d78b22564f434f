#include "server/store/sqlite/sqlite_connection.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <utility>

#include "server/store/sqlite/sqlite_status.h"

namespace token_service::store {
namespace {

constexpr char kPragmas[] =
    "PRAGMA synchronous=FULL;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA secure_delete=ON;"
    "PRAGMA temp_store=MEMORY;"  // No temporary files with rows in them.
    "PRAGMA trusted_schema=OFF;";
constexpr char kWal[] = "PRAGMA journal_mode=WAL";
constexpr char kQueryOnly[] = "PRAGMA query_only=ON";

}  // namespace

void SqliteConnection::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteConnection::SqliteConnection(std::unique_ptr<sqlite3, Close> database)
    : database_(std::move(database)) {}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const Options& options) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(options.path.c_str(), &opened,
                      (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                          SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      options.vfs);
  std::unique_ptr<sqlite3, Close> database(opened);
  if (code != SQLITE_OK) return SqliteError(code, "cannot open the database");
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(std::move(database)));
  connection->SetBusyTimeout(kBusyTimeout);
  if (absl::Status status = connection->Configure(options); !status.ok()) return status;
  return connection;
}

absl::Status SqliteConnection::Configure(const Options& options) {
  if (absl::Status status = Execute(kPragmas); !status.ok()) return status;
  if (options.read_only) return absl::OkStatus();
  {
    SqliteQuery query(*this, kWal);
    const std::string mode = query.Step() ? query.Text() : "";
    if (!query.status().ok()) return query.status();
    if (mode != "wal") {
      return absl::FailedPreconditionError(
          "the database cannot use a write-ahead log; is it on a network file system?");
    }
  }
  return options.query_only ? Execute(kQueryOnly) : absl::OkStatus();
}

absl::Status SqliteConnection::Execute(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(code, "the database failed");
}

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

void SqliteConnection::SetBusyTimeout(absl::Duration timeout) {
  sqlite3_busy_timeout(database_.get(), static_cast<int>(absl::ToInt64Milliseconds(timeout)));
}

absl::Status SqliteConnection::RewriteLog() {
  constexpr char kDoing[] = "the log cannot be written anew";
  sqlite3_file* log = nullptr;
  int code = sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (code != SQLITE_OK) return SqliteError(code, kDoing);
  if (log == nullptr || log->pMethods == nullptr) return absl::OkStatus();  // There is none.
  sqlite3_int64 size = 0;
  code = log->pMethods->xFileSize(log, &size);
  std::array<char, 64 * 1024> buffer;
  for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size;) {
    const int part =
        static_cast<int>(std::min<sqlite3_int64>(size - at, static_cast<int>(buffer.size())));
    code = log->pMethods->xRead(log, buffer.data(), part, at);
    if (code == SQLITE_OK) code = log->pMethods->xWrite(log, buffer.data(), part, at);
    at += part;
  }
  if (code == SQLITE_OK) code = log->pMethods->xSync(log, SQLITE_SYNC_FULL);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(code, kDoing);
}

SqliteQuery::SqliteQuery(SqliteConnection& connection, const char* sql)
    : database_(connection.database_.get()) {
  auto& prepared = connection.statements_[sql];
  if (prepared == nullptr) {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    prepared.reset(statement);
  }
  statement_ = prepared.get();
}

SqliteQuery::~SqliteQuery() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

SqliteQuery& SqliteQuery::Bind(std::string_view text) {
  if (!status_.ok()) return *this;
  // Never null: an empty text is not NULL.
  const char* const data = text.empty() ? "" : text.data();
  Check(
      sqlite3_bind_text64(statement_, ++parameter_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

SqliteQuery& SqliteQuery::Bind(const Secret& bytes) { return BindBytes(bytes.Reveal()); }

SqliteQuery& SqliteQuery::BindBytes(std::string_view bytes) {
  if (!status_.ok()) return *this;
  const char* const data = bytes.empty() ? "" : bytes.data();
  Check(sqlite3_bind_blob64(statement_, ++parameter_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

SqliteQuery& SqliteQuery::Bind(int64_t number) {
  if (status_.ok()) Check(sqlite3_bind_int64(statement_, ++parameter_, number));
  return *this;
}

SqliteQuery& SqliteQuery::Bind(std::optional<int64_t> number) {
  return number.has_value() ? Bind(*number) : BindNull();
}

SqliteQuery& SqliteQuery::BindNull() {
  if (status_.ok()) Check(sqlite3_bind_null(statement_, ++parameter_));
  return *this;
}

bool SqliteQuery::Step() {
  if (!status_.ok()) return false;
  column_ = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) Check(code);
  return false;
}

absl::Status SqliteQuery::Run() {
  while (Step()) {
  }
  return status_;
}

bool SqliteQuery::IsNull() const { return sqlite3_column_type(statement_, column_) == SQLITE_NULL; }

std::string SqliteQuery::Text() {
  const auto* const data = sqlite3_column_text(statement_, column_);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column_++));
  return data == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
}

Secret SqliteQuery::Bytes() { return Secret(BorrowedBytes()); }

std::string_view SqliteQuery::BorrowedBytes() {
  const void* const data = sqlite3_column_blob(statement_, column_);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column_++));
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

int64_t SqliteQuery::Integer() { return sqlite3_column_int64(statement_, column_++); }

std::optional<int64_t> SqliteQuery::OptionalInteger() {
  if (!IsNull()) return Integer();
  Skip();
  return std::nullopt;
}

void SqliteQuery::Check(int code) {
  if (code != SQLITE_OK && status_.ok()) status_ = SqliteError(code, "the database failed");
}

}  // namespace token_service::store
