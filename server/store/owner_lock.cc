#include "server/store/owner_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace token_service::store {
namespace {

// Of the whole file. A lock of the open file, not of the process: it holds within one process too.
struct flock WholeFile() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string Who(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  int owner = 0;
  std::string who = "another token-server";
  if (size > 0 && absl::SimpleAtoi(std::string(text.data(), static_cast<size_t>(size)), &owner)) {
    absl::StrAppend(&who, " (pid ", owner, ")");
  }
  return who;
}

}  // namespace

absl::StatusOr<OwnerLock> OwnerLock::Acquire(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid()) return FileError("cannot open", path, errno);
  struct flock lock = WholeFile();
  if (fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) return FileError("cannot lock", path, errno);
    return absl::FailedPreconditionError(
        absl::StrCat(DirectoryOf(path), " is in use by ", Who(file.get())));
  }
  // For people and for the message above only; the lock is what counts.
  const std::string owner = absl::StrCat(getpid(), "\n");
  if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), owner.data(), owner.size(), 0) < 0) {
    return FileError("cannot write", path, errno);
  }
  return OwnerLock(std::move(file));
}

absl::StatusOr<std::string> OwnerLock::Owner(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::string();
    return FileError("cannot open", path, errno);
  }
  // Only asks: a server that starts just now must find the lock free.
  struct flock lock = WholeFile();
  if (fcntl(file.get(), F_OFD_GETLK, &lock) != 0) return FileError("cannot lock", path, errno);
  return lock.l_type == F_UNLCK ? std::string() : Who(file.get());
}

}  // namespace token_service::store
