#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace token_service::app {

// Where a configuration came from: tells people the place of what is wrong, as one line.
//
// A key is named by its path: `limits.watchers`, `credentials[1].name`.
class ConfigSource {
 public:
  // A file; relative paths in it are relative to its directory.
  static ConfigSource File(std::string_view name);
  // The command line: a key is shown as the flag of its last name. Paths are relative to the
  // working directory.
  static ConfigSource Flags();

  // Records that `key` stands on this line (from 1).
  void Add(const std::string& key, int line) { lines_.emplace(key, line); }
  bool Has(const std::string& key) const { return lines_.contains(key); }

  // `FILE:LINE: KEY` (the line of the nearest parent, where the key itself is absent) or `--FLAG`.
  std::string Where(std::string_view key) const;

  // INVALID_ARGUMENT, `WHERE: WHAT`.
  absl::Status Error(std::string_view key, std::string_view what) const;

  // `FILE:LINE: WHAT`, for what is not about a key.
  absl::Status ErrorAtLine(int line, std::string_view what) const;

  // A path of the configuration, as this process can open it. Empty stays empty.
  std::string Resolve(std::string_view path) const;

 private:
  ConfigSource(bool flags, std::string file) : flags_(flags), file_(std::move(file)) {}

  bool flags_;
  std::string file_;
  std::map<std::string, int, std::less<>> lines_;
};

}  // namespace token_service::app
