#include "server/config/source.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_format.h"

namespace token_service::app {
namespace {

// `credentials[1].name` → `credentials[1]` → `credentials` → ``.
std::string_view Parent(std::string_view key) {
  const size_t end = key.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view() : key.substr(0, end);
}

}  // namespace

ConfigSource ConfigSource::File(std::string_view name) { return {false, std::string(name)}; }

ConfigSource ConfigSource::Flags() { return {true, std::string()}; }

std::string ConfigSource::Where(std::string_view key) const {
  if (flags_) {
    const size_t dot = key.rfind('.');
    if (dot != std::string_view::npos) key.remove_prefix(dot + 1);
    return absl::StrFormat("--%s", key.substr(0, key.find('[')));
  }
  int line = 1;
  for (std::string_view at = key; !at.empty(); at = Parent(at)) {
    const auto found = lines_.find(at);
    if (found == lines_.end()) continue;
    line = found->second;
    break;
  }
  if (key.empty()) return absl::StrFormat("%s:%d", file_, line);
  return absl::StrFormat("%s:%d: %s", file_, line, key);
}

absl::Status ConfigSource::Error(std::string_view key, std::string_view what) const {
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s", Where(key), what));
}

absl::Status ConfigSource::ErrorAtLine(int line, std::string_view what) const {
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", file_, std::max(line, 1), what));
}

std::string ConfigSource::Resolve(std::string_view path) const {
  if (path.empty() || flags_) return std::string(path);
  // A path that is absolute already replaces the directory.
  return (std::filesystem::path(file_).parent_path() / path).string();
}

}  // namespace token_service::app
