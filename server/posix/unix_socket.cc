#include "server/posix/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/posix/file_error.h"

namespace token_service::posix {
namespace {

constexpr int kBacklog = 4096;

std::string LockOf(const std::string& path) { return path + ".lock"; }
std::string BesideOf(const std::string& path) { return path + ".new"; }

absl::Status CannotListen(const std::string& path, std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on unix:", path, ": ", std::string(why)));
}

bool SameInode(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// A unix socket's address holds 107 bytes: of a path that is longer the directory is opened, and
// gives it a short name. `use` returns 0 or an errno.
template <typename Use>
int WithAddress(const std::string& path, Use use) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  FileDescriptor directory;
  std::string name = path;
  if (name.size() >= sizeof(address.sun_path)) {
    const std::filesystem::path whole(path);
    const std::string parent = whole.has_parent_path() ? whole.parent_path().string() : ".";
    directory = FileDescriptor(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid()) return errno;
    name = absl::StrCat("/proc/self/fd/", directory.get(), "/", whole.filename().string());
    if (name.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  return use(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(sizeof(address)));
}

// What connecting says: 0 and EAGAIN (too many wait) are somebody who listens.
int Knock(const std::string& path) {
  const FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  return WithAddress(path, [&fd](const sockaddr* address, socklen_t size) {
    return connect(fd.get(), address, size) == 0 ? 0 : errno;
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixSocket>> UnixSocket::Take(std::string path, mode_t mode) {
  auto taken = std::unique_ptr<UnixSocket>(new UnixSocket(std::move(path), mode));
  absl::Status status = taken->LockPath();
  if (status.ok()) status = taken->CheckWhatIsThere();
  if (status.ok()) status = taken->BindBeside();
  if (!status.ok()) return status;
  return taken;
}

UnixSocket::~UnixSocket() {
  if (beside_) unlink(BesideOf(path_).c_str());
  if (published_ && Look() == Place::kOurs) unlink(path_.c_str());
  // Before it is let go: who waits for it looks whether the file is still there.
  if (lock_.has_value() && LockStands()) unlink(LockOf(path_).c_str());
}

bool UnixSocket::LockStands() const {
  struct stat there {};
  struct stat ours {};
  return lstat(LockOf(path_).c_str(), &there) == 0 && fstat(lock_->file.get(), &ours) == 0 &&
         SameInode(there, ours);
}

absl::Status UnixSocket::LockPath() {
  absl::StatusOr<PidLock> lock = LockWithPid(LockOf(path_), "it");
  if (!lock.ok()) return CannotListen(path_, std::string(lock.status().message()));
  lock_ = *std::move(lock);
  return absl::OkStatus();
}

// A server that does not know of the lock, or whose lock was removed, has the path if it answers.
absl::Status UnixSocket::CheckWhatIsThere() {
  struct stat there {};
  if (lstat(path_.c_str(), &there) != 0) {
    return errno == ENOENT ? absl::OkStatus() : CannotListen(path_, ErrorText(errno));
  }
  if (!S_ISSOCK(there.st_mode)) {
    return CannotListen(path_, "what is there is no socket, and is left alone");
  }
  switch (const int error = Knock(path_)) {
    case ECONNREFUSED:
    case ENOENT:
      return absl::OkStatus();
    case 0:
    case EAGAIN:
    case EPROTOTYPE:
      return CannotListen(path_, "another process listens there");
    default:
      return CannotListen(path_, ErrorText(error));
  }
}

absl::Status UnixSocket::BindBeside() {
  const std::string beside = BesideOf(path_);
  FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return CannotListen(path_, ErrorText(errno));
  unlink(beside.c_str());  // Of a start that was killed; the lock is ours.
  const int error = WithAddress(beside, [&fd](const sockaddr* address, socklen_t size) {
    return bind(fd.get(), address, size) == 0 ? 0 : errno;
  });
  if (error != 0) return CannotListen(path_, ErrorText(error));
  beside_ = true;
  FileDescriptor inode(open(beside.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!inode.valid() || chmod(beside.c_str(), mode_) != 0 || listen(fd.get(), kBacklog) != 0) {
    return CannotListen(path_, ErrorText(errno));
  }
  socket_ = std::move(fd);
  inode_ = std::move(inode);
  return absl::OkStatus();
}

absl::Status UnixSocket::Publish() {
  if (absl::Status status = CheckWhatIsThere(); !status.ok()) return status;
  if (rename(BesideOf(path_).c_str(), path_.c_str()) != 0) {
    return CannotListen(path_, ErrorText(errno));
  }
  beside_ = false;
  published_ = true;
  return absl::OkStatus();
}

absl::Status UnixSocket::SetMode(mode_t mode) {
  mode_ = mode;
  if (Look() != Place::kOurs) return absl::OkStatus();
  if (chmod(path_.c_str(), mode) == 0) return absl::OkStatus();
  return FileError("cannot set the mode of", path_, errno);
}

UnixSocket::Place UnixSocket::Look() const {
  struct stat there {};
  if (lstat(path_.c_str(), &there) != 0) {
    // Of what cannot be looked at nothing is known.
    return errno == ENOENT ? Place::kEmpty : Place::kOurs;
  }
  struct stat ours {};
  return fstat(inode_.get(), &ours) == 0 && SameInode(there, ours) ? Place::kOurs
                                                                   : Place::kAnothers;
}

absl::Status UnixSocket::MakeAnew() {
  // The cleaner may have had the lock as well.
  if (!LockStands()) {
    if (absl::Status status = LockPath(); !status.ok()) return status;
  }
  if (absl::Status status = BindBeside(); !status.ok()) return status;
  return Publish();
}

}  // namespace token_service::posix
