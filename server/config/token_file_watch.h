#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret.h"

namespace token_service::app {

// Notices when the token in a file changes, however it is replaced: written in place, renamed over,
// a symbolic link turned. It reads the file anew each time, because a file written twice within one
// tick of its time stamp looks unchanged by all else. No thread inside: poll Check from one that
// may block. Not synchronised.
class TokenFileWatch {
 public:
  explicit TokenFileWatch(std::string path);

  // The token, when it is another than the last one returned. It is returned by the second look
  // that sees it, since the first may have met a half-written file: poll at twice the pace at which
  // a change is to be noticed.
  //
  // The errors of ReadTokenFile, each once: while it lasts, nothing. The last token stays what it
  // was.
  absl::StatusOr<std::optional<Secret>> Check();

  // What was returned last could not be used: the next look that finds it still there returns it
  // once more.
  void BringAgain() { again_ = true; }

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  Secret current_;    // Empty: none yet.
  Secret candidate_;  // Seen once; empty: none.
  bool again_ = false;
  absl::Status error_;
};

}  // namespace token_service::app
