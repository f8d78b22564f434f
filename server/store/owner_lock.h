#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/store/files.h"

namespace token_service::store {

// Says that this process owns a data directory: a lock on a file that holds the process's id. Let
// go when it is destroyed or the process ends, however it ends.
class OwnerLock {
 public:
  // FAILED_PRECONDITION, with the owner's process id, when another process or another part of this
  // one has it.
  static absl::StatusOr<OwnerLock> Acquire(const std::string& path);

  // Who has it: `another token-server (pid 7)`; empty: nobody has.
  static absl::StatusOr<std::string> Owner(const std::string& path);

 private:
  explicit OwnerLock(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;
};

}  // namespace token_service::store
