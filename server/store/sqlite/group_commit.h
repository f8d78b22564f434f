#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/store/sqlite/sqlite_connection.h"

namespace token_service::store {

// The only writer of a database. Operations that come while a transaction is being made durable
// wait, and then share the next one: each in a savepoint of its own, one COMMIT, one fsync. The
// first of those waiting does the work for all of them on its own thread.
//
// Any thread; blocks.
class GroupCommit {
 public:
  using Open = absl::AnyInvocable<absl::StatusOr<std::unique_ptr<SqliteConnection>>()>;
  // May run on another caller's thread. Undone when it is not OK. What it hands out through its
  // captures means nothing until Run is OK.
  using Operation = absl::FunctionRef<absl::Status(SqliteConnection&)>;

  // `open` makes the connection at the first operation, and anew after every failure.
  explicit GroupCommit(Open open) : open_(std::move(open)) {}

  // OK: done and durable. UNAVAILABLE: the database failed; not done, as far as anybody can know.
  // Otherwise what the operation said, and not done.
  absl::Status Run(Operation operation) { return Run(operation, /*purge=*/false); }

  // As Run. Then the log is emptied into the database, where deleted bytes are overwritten: nothing
  // is left of them. While a reader still looks at the old state that is put off to the next
  // transaction.
  absl::Status RunAndPurge(Operation operation) { return Run(operation, /*purge=*/true); }

  // How many operations wait for a transaction that has not begun.
  size_t waiting() const;

 private:
  struct Writer {
    Operation operation;
    bool purge;
    absl::Status result;
    bool done = false;
  };

  absl::Status Run(Operation operation, bool purge);
  // These are the leader's, which there is one of at a time, and need no mutex.
  void RunBatch(const std::vector<Writer*>& batch);
  absl::Status RunTransaction(const std::vector<Writer*>& batch);
  absl::Status Begin();
  absl::Status RunInSavepoint(Writer& writer);
  void Purge();
  // False: it failed, or a reader still looks at the old state.
  bool EmptyLog();
  // The same; gives up on a reader after `patience`.
  bool EmptyLogWithin(absl::Duration patience);

  Open open_;
  std::unique_ptr<SqliteConnection> connection_;  // Null: to be opened.
  bool purge_due_ = false;
  bool purge_put_off_ = false;    // It was tried, and a reader was in the way.
  bool log_is_doubtful_ = false;  // A write or a sync has failed since it was begun or rewritten.

  mutable absl::Mutex mutex_;
  bool leading_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Writer*> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::store
