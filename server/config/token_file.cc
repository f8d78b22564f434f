#include "server/config/token_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/posix/secret_file.h"

namespace token_service::app {
namespace {

constexpr size_t kMaxToken = 16 * 1024;
constexpr size_t kMaxFile = 64 * 1024;  // White space around the token included.
constexpr absl::Duration kLately = absl::Seconds(2);
constexpr std::string_view kSpace = " \t\r\n\v\f";

absl::Status Invalid(const std::string& path, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

}  // namespace

bool ChangedLately(const std::string& path, absl::Time now) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return true;
  return absl::TimeFromTimespec(facts.st_mtim) > now - kLately;
}

absl::Status CheckReadable(const std::string& path) { return posix::CheckReadable(path); }

absl::StatusOr<Secret> ReadSecretFile(const std::string& path) {
  absl::StatusOr<posix::SecretFile> file = posix::ReadSecretFile(path, kMaxFile);
  if (!file.ok()) return file.status();
  return std::move(file->contents);
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
