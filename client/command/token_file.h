#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace token_service::client {

// A file that holds the current token, for its owner alone. Readers see the old or the new one,
// whole. Removed in the end. One thread.
//
// Never takes the place of a file that is somebody else's: while it is kept, `PATH.token-client` is
// there and locked, and if this process is killed, it tells the next one whose the file was. It
// says so by not being empty, which it becomes when the file has been seen not to be there.
class TokenFile {
 public:
  explicit TokenFile(std::string path)
      : path_(std::move(path)), claim_path_(path_ + ".token-client") {}
  ~TokenFile();
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  // Before the first Write. The errors of both say what cannot be done with which file.
  absl::Status Claim();

  absl::Status Write(std::string_view text);

  // False: what was written may have reached a disk. After a Write that went well.
  bool IsInMemory() const;

 private:
  const std::string path_;
  const std::string claim_path_;
  int claim_ = -1;     // Negative: it is not ours, or not yet.
  bool ours_ = false;  // What is at `path_`.
};

}  // namespace token_service::client
