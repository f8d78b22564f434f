#include "server/store/sqlite/read_pool.h"

#include <utility>

namespace token_service::store {
namespace {

constexpr size_t kMaxIdle = 4;

}  // namespace

absl::Status ReadPool::Run(absl::FunctionRef<absl::Status(SqliteConnection&)> read) {
  std::unique_ptr<SqliteConnection> connection;
  {
    absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (connection == nullptr) {
    absl::StatusOr<std::unique_ptr<SqliteConnection>> opened = open_();
    if (!opened.ok()) return opened.status();
    connection = *std::move(opened);
  }
  absl::Status status = read(*connection);
  // One that failed is not used again: it may hold on to what made it fail.
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  {
    absl::MutexLock lock(&mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
  }
  // Else closed here, without the mutex.
  return status;
}

}  // namespace token_service::store
