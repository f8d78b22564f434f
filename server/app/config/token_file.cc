#include "server/app/config/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace token_service::app {
namespace {

constexpr size_t kMaxToken = 16 * 1024;
constexpr size_t kMaxFile = 64 * 1024;  // White space around the token included.
constexpr absl::Duration kLately = absl::Seconds(2);
constexpr std::string_view kSpace = " \t\r\n\v\f";

absl::Status Invalid(const std::string& path, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

absl::Status FromErrno(const std::string& path, int error) {
  const absl::StatusCode code = error == ENOENT   ? absl::StatusCode::kNotFound
                                : error == EACCES ? absl::StatusCode::kPermissionDenied
                                                  : absl::StatusCode::kInvalidArgument;
  char buffer[128];
  return absl::Status(code, absl::StrCat(path, ": ", strerror_r(error, buffer, sizeof buffer)));
}

// O_NONBLOCK: opening a FIFO that nobody writes would wait for ever.
absl::StatusOr<int> OpenRegular(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return FromErrno(path, errno);
  struct stat facts {};
  const int stat_error = fstat(fd, &facts) == 0 ? 0 : errno;
  if (stat_error == 0 && S_ISREG(facts.st_mode)) return fd;
  close(fd);
  if (stat_error != 0) return FromErrno(path, stat_error);
  return Invalid(path, S_ISDIR(facts.st_mode) ? "is a directory" : "is not a regular file");
}

}  // namespace

bool ChangedLately(const std::string& path, absl::Time now) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return true;
  return absl::TimeFromTimespec(facts.st_mtim) > now - kLately;
}

absl::Status CheckReadable(const std::string& path) {
  const absl::StatusOr<int> fd = OpenRegular(path);
  if (!fd.ok()) return fd.status();
  close(*fd);
  return absl::OkStatus();
}

absl::StatusOr<Secret> ReadSecretFile(const std::string& path) {
  const absl::StatusOr<int> fd = OpenRegular(path);
  if (!fd.ok()) return fd.status();
  const absl::Cleanup close_file = [&] { close(*fd); };

  std::string bytes(kMaxFile + 1, '\0');
  const absl::Cleanup wipe = [&] { WipeString(bytes); };
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = read(*fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno(path, errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kMaxFile) return Invalid(path, "is longer than 65536 bytes");
  return Secret(std::string_view(bytes.data(), size));
}

absl::StatusOr<Secret> ReadTokenFile(const std::string& path) {
  const absl::StatusOr<Secret> whole = ReadSecretFile(path);
  if (!whole.ok()) return whole.status();
  std::string_view token = whole->Reveal();
  token.remove_prefix(std::min(token.find_first_not_of(kSpace), token.size()));
  token = token.substr(0, token.find_last_not_of(kSpace) + 1);
  if (token.empty()) return Invalid(path, "is empty");
  if (token.size() > kMaxToken) return Invalid(path, "is too large for a token");
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
  if (!printable) {
    return Invalid(path,
                   "holds a character that no token has (it must be one line of printable ASCII)");
  }
  return Secret(token);
}

}  // namespace token_service::app
