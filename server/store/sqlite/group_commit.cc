#include "server/store/sqlite/group_commit.h"

#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/time/time.h"
#include "server/store/sqlite/sqlite_status.h"
#include "server/telemetry/log.h"

namespace token_service::store {
namespace {

constexpr char kBegin[] = "BEGIN IMMEDIATE";
constexpr char kCommit[] = "COMMIT";
constexpr char kRollback[] = "ROLLBACK";
constexpr char kSavepoint[] = "SAVEPOINT operation";
constexpr char kRelease[] = "RELEASE operation";
constexpr char kUndo[] = "ROLLBACK TO operation";
constexpr char kCheckpoint[] = "PRAGMA wal_checkpoint(TRUNCATE)";
// A long reader must not hold up those who wait for the next transaction.
constexpr absl::Duration kPatience = absl::Milliseconds(100);

bool IsDatabaseFailure(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDataLoss(status);
}

absl::Status RunStatement(SqliteConnection& connection, const char* sql) {
  return SqliteQuery(connection, sql).Run();
}

}  // namespace

absl::Status GroupCommit::Run(Operation operation, bool purge) {
  Writer writer{.operation = operation, .purge = purge, .result = absl::OkStatus()};
  std::vector<Writer*> batch;
  {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(&writer);
    const auto done_or_first = [this, &writer]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return writer.done || (!leading_ && queue_.front() == &writer);
    };
    mutex_.Await(absl::Condition(&done_or_first));
    if (writer.done) return std::move(writer.result);
    leading_ = true;
    batch.swap(queue_);
  }
  RunBatch(batch);
  absl::MutexLock lock(&mutex_);
  leading_ = false;
  // Afterwards the other writers may be gone.
  for (Writer* const other : batch) other->done = true;
  return std::move(writer.result);
}

size_t GroupCommit::waiting() const {
  absl::MutexLock lock(&mutex_);
  return queue_.size();
}

void GroupCommit::RunBatch(const std::vector<Writer*>& batch) {
  absl::Status status = RunTransaction(batch);
  bool failed = !status.ok();
  log_is_doubtful_ = log_is_doubtful_ || MayHaveWritten(status);
  for (Writer* const writer : batch) {
    if (!status.ok()) writer->result = status;
    if (!IsDatabaseFailure(writer->result)) continue;
    failed = true;
    log_is_doubtful_ = log_is_doubtful_ || MayHaveWritten(writer->result);
    // To whoever waits for the write all failures of the database are one: it may work another
    // time.
    writer->result = absl::UnavailableError(writer->result.message());
  }
  if (failed) {
    // Whatever state the connection is in: closing it rolls back, and a new one starts from the
    // file.
    connection_.reset();
    return;
  }
  if (purge_due_) Purge();
}

absl::Status GroupCommit::RunTransaction(const std::vector<Writer*>& batch) {
  if (connection_ == nullptr) {
    absl::StatusOr<std::unique_ptr<SqliteConnection>> opened = open_();
    if (!opened.ok()) return absl::UnavailableError(opened.status().message());
    connection_ = *std::move(opened);
  }
  if (absl::Status status = Begin(); !status.ok()) return status;
  for (Writer* const writer : batch) {
    absl::Status status = RunInSavepoint(*writer);
    if (status.ok()) continue;
    RunStatement(*connection_, kRollback).IgnoreError();
    return status;
  }
  absl::Status status = RunStatement(*connection_, kCommit);
  if (!status.ok()) RunStatement(*connection_, kRollback).IgnoreError();
  return status;
}

absl::Status GroupCommit::Begin() {
  // After a failed sync the tail of the log may be in the kernel's cache and nowhere else, marked
  // as written: the next sync passes it by, and whatever follows it in the log would be lost with
  // it. So all of it goes into the database, and the log begins anew.
  if (log_is_doubtful_ && EmptyLogWithin(kPatience)) log_is_doubtful_ = false;
  if (absl::Status status = RunStatement(*connection_, kBegin); !status.ok()) return status;
  if (!log_is_doubtful_) return absl::OkStatus();
  // A reader needs the log, perhaps for hours: then the same bytes, written anew, are new to the
  // kernel.
  if (absl::Status status = connection_->RewriteLog(); !status.ok()) return status;
  log_is_doubtful_ = false;
  return absl::OkStatus();
}

absl::Status GroupCommit::RunInSavepoint(Writer& writer) {
  if (absl::Status status = RunStatement(*connection_, kSavepoint); !status.ok()) return status;
  writer.result = writer.operation(*connection_);
  if (writer.result.ok()) {
    if (writer.purge) {
      purge_due_ = true;
      purge_put_off_ = false;
    }
  } else if (!connection_->in_transaction()) {
    // Some errors (disk full, I/O) make SQLite roll everything back, the others' work too.
    return writer.result;
  } else if (absl::Status status = RunStatement(*connection_, kUndo); !status.ok()) {
    return status;
  }
  return RunStatement(*connection_, kRelease);
}

bool GroupCommit::EmptyLog() {
  SqliteQuery query(*connection_, kCheckpoint);
  return query.Step() && query.Integer() == 0;
}

bool GroupCommit::EmptyLogWithin(absl::Duration patience) {
  connection_->SetBusyTimeout(patience);
  absl::Cleanup restore = [this] { connection_->SetBusyTimeout(SqliteConnection::kBusyTimeout); };
  return EmptyLog();
}

void GroupCommit::Purge() {
  // The same reader is not waited for at every write.
  if (EmptyLogWithin(purge_put_off_ ? absl::ZeroDuration() : kPatience)) {
    purge_due_ = false;
    return;
  }
  if (std::exchange(purge_put_off_, true)) return;
  telemetry::Log(telemetry::Level::kInfo,
                 "the log still holds sealed bytes of a deleted credential; trying again with each "
                 "write");
}

}  // namespace token_service::store
