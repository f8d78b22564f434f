#include "server/store/owner_lock.h"

#include <fcntl.h>
#include <sys/file.h>
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

absl::Status InUse(const std::string& path, int fd) {
  std::array<char, 32> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  int owner = 0;
  std::string who = "another token-server";
  if (size > 0 && absl::SimpleAtoi(std::string(text.data(), static_cast<size_t>(size)), &owner)) {
    absl::StrAppend(&who, " (pid ", owner, ")");
  }
  return absl::FailedPreconditionError(absl::StrCat(DirectoryOf(path), " is in use by ", who));
}

}  // namespace

absl::StatusOr<OwnerLock> OwnerLock::Acquire(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid()) return FileError("cannot open", path, errno);
  // flock() and not fcntl(): it belongs to the open file, so that it holds within one process too.
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return InUse(path, file.get());
    return FileError("cannot lock", path, errno);
  }
  // For people and for the message above only; the lock is what counts.
  const std::string owner = absl::StrCat(getpid(), "\n");
  if (ftruncate(file.get(), 0) != 0 || pwrite(file.get(), owner.data(), owner.size(), 0) < 0) {
    return FileError("cannot write", path, errno);
  }
  return OwnerLock(std::move(file));
}

}  // namespace token_service::store
