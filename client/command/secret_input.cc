#include "client/command/secret_input.h"

#include <fstream>
#include <iostream>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace token_service::client {
namespace {

constexpr std::streamsize kMost = 64 * 1024;

}  // namespace

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  const bool from_stdin = path == "-";
  const std::string shown = from_stdin ? "standard input" : path;
  std::ifstream file;
  if (!from_stdin) {
    file.open(path, std::ios::binary);
    if (!file.is_open()) {
      return absl::InvalidArgumentError(absl::StrCat(shown, " cannot be read"));
    }
  }
  std::istream& in = from_stdin ? std::cin : file;
  std::string text(kMost + 1, '\0');
  in.read(text.data(), kMost + 1);
  if (in.bad()) return absl::InvalidArgumentError(absl::StrCat(shown, " cannot be read"));
  text.resize(static_cast<size_t>(in.gcount()));
  if (in.gcount() > kMost) return absl::InvalidArgumentError(absl::StrCat(shown, " is too large"));
  absl::StripAsciiWhitespace(&text);
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(shown, " is empty"));
  return text;
}

}  // namespace token_service::client
