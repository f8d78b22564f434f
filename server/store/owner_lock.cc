#include "server/store/owner_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/posix/pid_lock.h"

namespace token_service::store {
namespace {

// Whoever only asks has the lock for a moment: see Owner.
constexpr int kTries = 5;
constexpr absl::Duration kPause = absl::Milliseconds(20);

// Not fcntl's locks: a directory cannot be opened for writing, and SQLite has its own of those on a
// database. 0, or the errno.
int Lock(int fd, int operation) {
  for (int i = 1;; ++i) {
    if (flock(fd, operation | LOCK_NB) == 0) return 0;
    if (errno != EINTR && (errno != EWOULDBLOCK || i >= kTries)) return errno;
    absl::SleepFor(kPause);
  }
}

absl::StatusOr<FileDescriptor> OpenDirectory(const std::string& path) {
  FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return FileError("cannot open", path, errno);
  return directory;
}

absl::Status InUse(const std::string& what, const std::string& who) {
  return absl::FailedPreconditionError(absl::StrCat(what, " is in use by ", who));
}

// It may have been removed or renamed before it was locked.
bool LeadsTo(const std::string& path, int fd) {
  struct stat there {};
  struct stat ours {};
  return stat(path.c_str(), &there) == 0 && fstat(fd, &ours) == 0 && there.st_dev == ours.st_dev &&
         there.st_ino == ours.st_ino;
}

}  // namespace

absl::StatusOr<OwnerLock> OwnerLock::Acquire(const std::string& path, NewFiles& made) {
  const std::string directory = DirectoryOf(path);
  absl::StatusOr<FileDescriptor> opened = OpenDirectory(directory);
  if (!opened.ok()) return opened.status();
  const int error = Lock(opened->get(), LOCK_EX);
  if (error == EWOULDBLOCK) return InUse(directory, posix::LastHolder(path));
  if (error != 0) return FileError("cannot lock", directory, error);
  if (!LeadsTo(directory, opened->get())) {
    return absl::FailedPreconditionError(absl::StrCat(directory, " was just replaced; try again"));
  }
  absl::StatusOr<posix::PidLock> file = posix::LockWithPid(path, directory);
  if (!file.ok()) return file.status();
  if (file->made) made.Note(path);
  return OwnerLock(*std::move(opened), std::move(file->file));
}

absl::Status OwnerLock::Extend(FileDescriptor file, const std::string& path) {
  const int error = Lock(file.get(), LOCK_EX);
  if (error == EWOULDBLOCK) return InUse(path, "another token-server, by another name of the file");
  if (error != 0) return FileError("cannot lock", path, error);
  database_ = std::move(file);
  return absl::OkStatus();
}

absl::StatusOr<std::string> OwnerLock::Owner(const std::string& path) {
  absl::StatusOr<std::string> holder = posix::WhoHolds(path);
  if (!holder.ok() || !holder->empty()) return holder;
  // The file may have been removed while its owner lives.
  absl::StatusOr<FileDescriptor> directory = OpenDirectory(DirectoryOf(path));
  if (!directory.ok()) return directory.status();
  const int error = Lock(directory->get(), LOCK_SH);
  if (error == EWOULDBLOCK) return posix::LastHolder(path);
  if (error != 0) return FileError("cannot lock", DirectoryOf(path), error);
  return std::string();
}

}  // namespace token_service::store
