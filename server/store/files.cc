#include "server/store/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/telemetry/log.h"

namespace token_service::store {
namespace {

absl::Status WriteAll(int fd, std::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t written = write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("cannot write", path, errno);
    contents.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return FileError("cannot sync", path, errno);
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteNewPrivateFile(const std::string& path, std::string_view contents) {
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));  // Mode 0600.
  if (!file.valid()) return FileError("cannot create", path, errno);
  absl::Cleanup remove_temporary = [&temporary] { unlink(temporary.c_str()); };
  if (absl::Status status = WriteAll(file.get(), contents, path); !status.ok()) return status;
  // link() and not rename(): a file that appeared meanwhile must not be replaced.
  if (link(temporary.c_str(), path.c_str()) != 0) return FileError("cannot create", path, errno);
  return SyncDirectory(DirectoryOf(path));
}

absl::Status EnsurePrivateDirectory(const std::string& path, NewFiles& made) {
  std::error_code error;
  const std::string parent = DirectoryOf(path);
  std::vector<std::string> missing;
  for (std::string at = parent; !std::filesystem::exists(at, error); at = DirectoryOf(at)) {
    missing.push_back(at);
  }
  std::filesystem::create_directories(parent, error);
  if (error) return FileError("cannot create directory", parent, error.value());
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) made.Note(*at);
  if (mkdir(path.c_str(), S_IRWXU) == 0) {
    made.Note(path);
    return SyncDirectory(parent);
  }
  const int mkdir_error = errno;
  if (!std::filesystem::is_directory(path, error)) {
    return FileError("cannot create directory", path,
                     mkdir_error == EEXIST ? ENOTDIR : mkdir_error);
  }
  return absl::OkStatus();
}

absl::Status MakePrivate(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return FileError("cannot read", path, errno);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
  if (fchmod(fd, S_IRUSR | S_IWUSR) == 0) return absl::OkStatus();
  if (errno != EPERM && errno != EROFS) return FileError("cannot protect", path, errno);
  telemetry::Log(telemetry::Level::kWarning,
                 "a file belongs to another user and cannot be made private: others may read it",
                 {{"file", path}, {"owner", status.st_uid}});
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  const FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return FileError("cannot open", path, errno);
  if (fsync(directory.get()) != 0) return FileError("cannot sync", path, errno);
  return absl::OkStatus();
}

std::string DirectoryOf(const std::string& path) {
  // A trailing slash would make the path its own parent.
  std::filesystem::path trimmed = path;
  if (!trimmed.has_filename()) trimmed = trimmed.parent_path();
  const std::string parent = trimmed.parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace token_service::store
