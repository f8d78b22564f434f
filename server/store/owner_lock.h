#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/store/files.h"
#include "server/store/new_files.h"

namespace token_service::store {

// Says that this process owns a data directory. What is locked is the directory itself, and with it
// each file that Extend is told of, so that neither another name for them nor the loss of a file
// lets a second owner in. A file with the process's id lies in the directory, for people, locked as
// well. Let go when this is destroyed or the process ends, however it ends.
class OwnerLock {
 public:
  // `path` is the file's with the id. FAILED_PRECONDITION, with the owner's process id, when
  // another process or another part of this one owns the directory.
  static absl::StatusOr<OwnerLock> Acquire(const std::string& path, NewFiles& made);

  // Owns the file too, whatever its name. FAILED_PRECONDITION as above. It is closed only with
  // this: closing any descriptor of a database takes SQLite's own locks on it away.
  absl::Status Extend(FileDescriptor file, const std::string& path);

  // Who has it: `another token-server (pid 7)`; empty: nobody has.
  static absl::StatusOr<std::string> Owner(const std::string& path);

 private:
  OwnerLock(FileDescriptor directory, FileDescriptor file)
      : directory_(std::move(directory)), file_(std::move(file)) {}

  FileDescriptor directory_;
  FileDescriptor file_;
  FileDescriptor database_;
};

}  // namespace token_service::store
