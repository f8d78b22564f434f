#include "server/posix/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "server/posix/file_descriptor.h"
#include "server/posix/file_error.h"

namespace token_service::posix {
namespace {

absl::Status Invalid(const std::string& path, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

absl::Status FromErrno(const std::string& path, int error) {
  const absl::StatusCode code = error == ENOENT   ? absl::StatusCode::kNotFound
                                : error == EACCES ? absl::StatusCode::kPermissionDenied
                                                  : absl::StatusCode::kInvalidArgument;
  return absl::Status(code, absl::StrCat(path, ": ", ErrorText(error)));
}

struct RegularFile {
  FileDescriptor file;
  mode_t mode = 0;
};

// O_NONBLOCK: opening a FIFO that nobody writes would wait for ever.
absl::StatusOr<RegularFile> OpenRegular(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return FromErrno(path, errno);
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0) return FromErrno(path, errno);
  if (S_ISDIR(facts.st_mode)) return Invalid(path, "is a directory, not a regular file");
  if (!S_ISREG(facts.st_mode)) return Invalid(path, "is not a regular file");
  return RegularFile{.file = std::move(file), .mode = facts.st_mode};
}

}  // namespace

absl::Status CheckReadable(const std::string& path) { return OpenRegular(path).status(); }

absl::StatusOr<SecretFile> ReadSecretFile(const std::string& path, size_t max_size) {
  const absl::StatusOr<RegularFile> regular = OpenRegular(path);
  if (!regular.ok()) return regular.status();
  std::string bytes(max_size + 1, '\0');
  const absl::Cleanup wipe = [&] { WipeString(bytes); };
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = read(regular->file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno(path, errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > max_size) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is longer than ", max_size, " bytes"));
  }
  return SecretFile{.contents = Secret(std::string_view(bytes.data(), size)),
                    .readable_by_others = (regular->mode & (S_IRGRP | S_IROTH)) != 0};
}

}  // namespace token_service::posix
