#include "server/config/token_file_watch.h"

#include <utility>

#include "server/config/token_file.h"

namespace token_service::app {

TokenFileWatch::TokenFileWatch(std::string path) : path_(std::move(path)) {}

absl::StatusOr<std::optional<Secret>> TokenFileWatch::Check() {
  absl::StatusOr<Secret> read = ReadTokenFile(path_);
  if (!read.ok()) {
    candidate_ = Secret();
    if (read.status() == error_) return std::nullopt;
    error_ = read.status();
    return error_;
  }
  error_ = absl::OkStatus();
  if (*read == current_) {
    candidate_ = Secret();
    if (!std::exchange(again_, false)) return std::nullopt;
    return current_.Copy();
  }
  if (!(*read == candidate_)) {
    candidate_ = *std::move(read);
    return std::nullopt;
  }
  candidate_ = Secret();
  again_ = false;
  current_ = *std::move(read);
  return current_.Copy();
}

}  // namespace token_service::app
