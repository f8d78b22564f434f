#include "server/posix/pid_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/posix/file_error.h"

namespace token_service::posix {
namespace {

constexpr int kTries = 10;

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

bool LeadsTo(const std::string& path, int fd) {
  struct stat there {};
  struct stat ours {};
  return stat(path.c_str(), &there) == 0 && fstat(fd, &ours) == 0 && there.st_dev == ours.st_dev &&
         there.st_ino == ours.st_ino;
}

absl::StatusOr<PidLock> Open(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
  FileDescriptor file(open(path.c_str(), kFlags));
  if (file.valid()) return PidLock{.file = std::move(file)};
  if (errno != ENOENT) return FileError("cannot open", path, errno);
  file = FileDescriptor(open(path.c_str(), kFlags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR));
  // EEXIST: another was faster, and is to be asked.
  if (!file.valid() && errno != EEXIST) return FileError("cannot create", path, errno);
  return PidLock{.file = std::move(file), .made = true};
}

}  // namespace

absl::StatusOr<PidLock> LockWithPid(const std::string& path, std::string_view what) {
  for (int i = 0; i < kTries; ++i) {
    absl::StatusOr<PidLock> lock = Open(path);
    if (!lock.ok()) return lock.status();
    if (!lock->file.valid()) continue;
    const int fd = lock->file.get();
    struct flock whole = WholeFile();
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
      if (errno != EAGAIN && errno != EACCES) return FileError("cannot lock", path, errno);
      return absl::FailedPreconditionError(
          absl::StrCat(std::string(what), " is in use by ", Who(fd)));
    }
    // Whoever had it may have removed it just before it let go.
    if (!LeadsTo(path, fd)) continue;
    // For people and for the message above only; the lock is what counts.
    const std::string owner = absl::StrCat(getpid(), "\n");
    if (ftruncate(fd, 0) != 0 || pwrite(fd, owner.data(), owner.size(), 0) < 0) {
      const int error = errno;
      if (lock->made) unlink(path.c_str());
      return FileError("cannot write", path, error);
    }
    return lock;
  }
  return absl::FailedPreconditionError(absl::StrCat(path, " comes and goes: cannot lock it"));
}

absl::StatusOr<std::string> WhoHolds(const std::string& path) {
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

std::string LastHolder(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return Who(file.get());
}

}  // namespace token_service::posix
