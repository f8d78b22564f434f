#include "client/command/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace token_service::client {
namespace {

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

absl::Status CannotBeWritten(const std::string& path, int error) {
  return absl::InvalidArgumentError(absl::StrCat(path, " cannot be written: ", strerror(error)));
}

// Whatever it is, and wherever a link leads.
bool IsThere(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) == 0;
}

}  // namespace

TokenFile::~TokenFile() {
  if (claim_ < 0) return;
  if (ours_) unlink(path_.c_str());
  unlink(claim_path_.c_str());
  close(claim_);
}

absl::Status TokenFile::Claim() {
  struct stat about {};
  int claim = -1;
  do {
    if (claim >= 0) close(claim);  // Its keeper has just ended and removed it.
    claim = open(claim_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (claim < 0) return CannotBeWritten(path_, errno);
    if (flock(claim, LOCK_EX | LOCK_NB) != 0) {
      close(claim);
      return absl::InvalidArgumentError(absl::StrCat(path_, " is kept by another token-client"));
    }
  } while (fstat(claim, &about) == 0 && about.st_nlink == 0);
  // Empty: nobody has got further than making it, be it another who is at it just now.
  const bool left = about.st_size > 0;
  absl::Status status;
  if (!left && IsThere(path_)) {
    status = absl::InvalidArgumentError(
        absl::StrCat(path_, " is there already, and not token-client's to replace"));
  } else if (!left && !WriteAll(claim, "\n")) {
    status = CannotBeWritten(path_, errno);
  }
  if (!status.ok()) {
    unlink(claim_path_.c_str());
    close(claim);
    return status;
  }
  claim_ = claim;
  ours_ = left;
  return absl::OkStatus();
}

absl::Status TokenFile::Write(std::string_view text) {
  // Beside the file itself: only within a file system is a rename atomic. Made with mode 0600.
  std::string beside = absl::StrCat(path_, ".XXXXXX");
  const int fd = mkostemp(beside.data(), O_CLOEXEC);
  bool ok = fd >= 0;
  int error = errno;
  if (ok) {
    ok = WriteAll(fd, text);
    error = errno;
    if (close(fd) != 0 && ok) {
      ok = false;
      error = errno;
    }
    if (ok && rename(beside.c_str(), path_.c_str()) != 0) {
      ok = false;
      error = errno;
    }
    if (!ok) unlink(beside.c_str());
  }
  if (!ok) return CannotBeWritten(path_, error);
  ours_ = true;
  return absl::OkStatus();
}

bool TokenFile::IsInMemory() const {
  struct statfs about {};
  if (statfs(path_.c_str(), &about) != 0) return false;
  return about.f_type == TMPFS_MAGIC || about.f_type == RAMFS_MAGIC;
}

}  // namespace token_service::client
