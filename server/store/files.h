#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret.h"

namespace token_service::store {

// An open file, closed with its owner.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Errors name the path and the system's word for the cause, never the contents.
// NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION; UNAVAILABLE when the disk is full or fails.
absl::Status FileError(std::string_view doing, const std::string& path, int error_number);

struct PrivateFile {
  Secret contents;
  bool readable_by_others = false;  // Group or others may read it.
};

// The whole file, which must be a regular one of at most `max_size` bytes.
absl::StatusOr<PrivateFile> ReadPrivateFile(const std::string& path, size_t max_size);

// A new file of mode 0600 that either holds all of `contents`, durably, or is not there.
// ALREADY_EXISTS rather than replace a file.
absl::Status WriteNewPrivateFile(const std::string& path, std::string_view contents);

// Makes the directory with mode 0700, parents with the process's default, unless it is there.
absl::Status EnsurePrivateDirectory(const std::string& path);

// Makes the names in the directory durable.
absl::Status SyncDirectory(const std::string& path);

// The directory that `path` lies in.
std::string DirectoryOf(const std::string& path);

}  // namespace token_service::store
