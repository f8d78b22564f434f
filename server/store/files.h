#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/posix/file_descriptor.h"
#include "server/posix/file_error.h"
#include "server/store/new_files.h"

namespace token_service::store {

using posix::FileDescriptor;
using posix::FileError;

// A new file of mode 0600 that either holds all of `contents`, durably, or is not there.
// ALREADY_EXISTS rather than replace a file.
absl::Status WriteNewPrivateFile(const std::string& path, std::string_view contents);

// Makes the directory with mode 0700, parents with the process's default, unless it is there. What
// it makes it tells `made`.
absl::Status EnsurePrivateDirectory(const std::string& path, NewFiles& made);

// Takes from group and others what they may do with an open file. One that belongs to somebody else
// (a volume's, used through its group) is left as it is, with a warning.
absl::Status MakePrivate(int fd, const std::string& path);

// Makes the names in the directory durable.
absl::Status SyncDirectory(const std::string& path);

// The directory that `path` lies in.
std::string DirectoryOf(const std::string& path);

}  // namespace token_service::store
