#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/posix/file_descriptor.h"

namespace token_service::posix {

// A file that is locked by whoever owns what it stands for, with the owner's process id in it, for
// people. It is made with mode 0600 when it is missing. The lock is let go with the descriptor,
// however the process ends, and holds within one process too.
struct PidLock {
  FileDescriptor file;
  bool made = false;  // It was missing.
};

// FAILED_PRECONDITION when another has it: `WHAT is in use by another token-server (pid 7)`.
absl::StatusOr<PidLock> LockWithPid(const std::string& path, std::string_view what);

// Who has it: `another token-server (pid 7)`; empty: nobody has, or there is no such file.
absl::StatusOr<std::string> WhoHolds(const std::string& path);

// Who wrote its id last: `another token-server (pid 7)`, without the id when it cannot be read.
std::string LastHolder(const std::string& path);

}  // namespace token_service::posix
