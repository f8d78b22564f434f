#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace token_service::client {

// A file that holds the current token, for its owner alone. Readers see the old or the new one,
// whole. Removed in the end. One thread.
class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}
  ~TokenFile();
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  // The error says what cannot be done with which file, nothing of the text.
  absl::Status Write(std::string_view text);

  // False: what was written may have reached a disk. After a Write that went well.
  bool IsInMemory() const;

 private:
  const std::string path_;
  bool written_ = false;
};

}  // namespace token_service::client
