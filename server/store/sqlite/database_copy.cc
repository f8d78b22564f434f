#include "server/store/sqlite/database_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/store/files.h"

namespace token_service::store {
namespace {

// One read transaction, whatever it takes; into a file that is there and empty.
constexpr char kCopy[] = "VACUUM INTO ?";

absl::Status GiveName(const std::string& temporary, const std::string& path, Existing existing) {
  // link() and not rename(): a file that appeared meanwhile must not be replaced.
  const int result = existing == Existing::kReplace ? rename(temporary.c_str(), path.c_str())
                                                    : link(temporary.c_str(), path.c_str());
  if (result != 0) return FileError("cannot create", path, errno);
  return SyncDirectory(DirectoryOf(path));
}

}  // namespace

absl::Status CopyDatabase(SqliteConnection& from, const std::string& path, Existing existing) {
  if (existing == Existing::kRefuse && access(path.c_str(), F_OK) == 0) {
    return FileError("cannot create", path, EEXIST);
  }
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));  // Mode 0600.
  if (!file.valid()) return FileError("cannot create", path, errno);
  absl::Cleanup remove_temporary = [&temporary] { unlink(temporary.c_str()); };
  SqliteQuery copy(from, kCopy);
  if (absl::Status status = copy.Bind(temporary).Run(); !status.ok()) {
    return {status.code(),
            absl::StrCat("cannot write ", path, ": ", std::string(status.message()))};
  }
  if (fsync(file.get()) != 0) return FileError("cannot sync", path, errno);
  return GiveName(temporary, path, existing);
}

absl::Status CopyBytes(const std::string& from, const std::string& to) {
  const FileDescriptor source(open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!source.valid()) return FileError("cannot open", from, errno);
  struct stat status {};
  if (fstat(source.get(), &status) != 0) return FileError("cannot read", from, errno);
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(from, " is not a regular file"));
  }
  unlink(to.c_str());
  const FileDescriptor target(
      open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!target.valid()) return FileError("cannot create", to, errno);
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t got = read(source.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("cannot read", from, errno);
    if (got == 0) break;
    for (ssize_t at = 0; at < got;) {
      const ssize_t put = write(target.get(), buffer.data() + at, static_cast<size_t>(got - at));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return FileError("cannot write", to, errno);
      at += put;
    }
  }
  if (fsync(target.get()) != 0) return FileError("cannot sync", to, errno);
  return absl::OkStatus();
}

}  // namespace token_service::store
