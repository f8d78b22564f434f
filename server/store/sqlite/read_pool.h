#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/store/sqlite/sqlite_connection.h"

namespace token_service::store {

// Connections for reading, one for each thread that reads at the moment, kept for the next. With a
// write-ahead log a reader waits for no writer. Any thread; blocks.
class ReadPool {
 public:
  using Open = std::function<absl::StatusOr<std::unique_ptr<SqliteConnection>>()>;

  explicit ReadPool(Open open) : open_(std::move(open)) {}

  // Runs `read` and returns what it says, or why there is no connection.
  absl::Status Run(absl::FunctionRef<absl::Status(SqliteConnection&)> read);

 private:
  const Open open_;  // Called by several threads at once.

  absl::Mutex mutex_;
  std::vector<std::unique_ptr<SqliteConnection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::store
