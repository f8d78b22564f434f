#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/secret.h"

struct sqlite3;
struct sqlite3_stmt;

namespace token_service::store {

// One connection to an SQLite file that exists already, and its prepared statements. One thread at
// a time.
//
// Every error is UNAVAILABLE, but for a damaged file, which is DATA_LOSS. Its text is ours and
// SQLite's name for the code, never SQLite's own message (which may quote what is stored).
class SqliteConnection {
 public:
  struct Options {
    std::string path;
    bool query_only = false;
    // A copy that nobody writes; nothing of it is changed, not even the kind of its log.
    bool read_only = false;
    const char* vfs = nullptr;  // Null: the default. For tests.
  };

  // How long to wait for another's lock: `rekey` writes beside the server, a moment at a time.
  static constexpr absl::Duration kBusyTimeout = absl::Seconds(5);

  // WAL, synchronous=FULL, foreign keys, secure_delete, kBusyTimeout.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const Options& options);

  // Runs constant SQL, several statements if need be, and ignores rows.
  absl::Status Execute(const char* sql);

  bool in_transaction() const;

  void SetBusyTimeout(absl::Duration timeout);

  // Writes the log's own bytes over it and syncs it. In a transaction that has the write lock, so
  // that nobody adds to it.
  absl::Status RewriteLog();

 private:
  friend class SqliteQuery;
  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  explicit SqliteConnection(std::unique_ptr<sqlite3, Close> database);

  absl::Status Configure(const Options& options);

  std::unique_ptr<sqlite3, Close> database_;
  // By the address of the text: it is constant. Destroyed before the database.
  absl::flat_hash_map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

// One execution of a prepared statement. Values are bound, and columns read, from left to right:
//
//   SqliteQuery query(connection, kSql);
//   query.Bind(name).Bind(generation);
//   while (query.Step()) Use(query.Text(), query.Integer());
//   return query.status();
//
// After an error Step is false, and status() the first error. What is bound must outlive the query;
// a connection has one query of a text at a time.
class SqliteQuery {
 public:
  // `sql`: a constant, one statement.
  SqliteQuery(SqliteConnection& connection, const char* sql);
  ~SqliteQuery();
  SqliteQuery(const SqliteQuery&) = delete;
  SqliteQuery& operator=(const SqliteQuery&) = delete;

  SqliteQuery& Bind(std::string_view text);
  SqliteQuery& Bind(const Secret& bytes);
  SqliteQuery& BindBytes(std::string_view bytes);
  SqliteQuery& Bind(int64_t number);
  SqliteQuery& Bind(std::optional<int64_t> number);
  SqliteQuery& BindNull();

  // To the next row; false at the end.
  bool Step();
  // Steps a statement that has no rows to its end.
  absl::Status Run();

  bool IsNull() const;  // The next column; does not move on.
  std::string Text();
  Secret Bytes();
  std::string_view BorrowedBytes();  // SQLite's own, until the next Step.
  int64_t Integer();
  std::optional<int64_t> OptionalInteger();
  void Skip() { ++column_; }

  const absl::Status& status() const { return status_; }

 private:
  void Check(int code);

  sqlite3* const database_;
  sqlite3_stmt* statement_ = nullptr;
  int parameter_ = 0;
  int column_ = 0;
  absl::Status status_;
};

}  // namespace token_service::store
