#include "server/base/boot_id.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace token_service {
namespace {

// Of files of the kernel's. Empty: there is none.
std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A UUID's 32 digits: the kernel writes them with hyphens, systemd without.
std::string Digits(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (absl::ascii_isxdigit(static_cast<unsigned char>(c)))
      digits += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return digits.size() == 32 ? digits : std::string();
}

}  // namespace

std::string BootIdOf(std::string_view kernel, std::string_view environment,
                     std::string_view offsets) {
  std::string boot = Digits(kernel);
  if (boot.empty()) boot = Digits(environment);
  if (boot.empty()) return boot;
  for (const auto line : absl::StrSplit(absl::string_view(offsets.data(), offsets.size()), '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 3 || words[0] != "boottime") continue;
    if (words[1] != "0" || words[2] != "0") absl::StrAppend(&boot, "+", words[1], ".", words[2]);
  }
  return boot;
}

std::string ReadBootId() {
  const char* const told = std::getenv("TOKEN_SERVICE_BOOT_ID");
  return BootIdOf(ReadAll("/proc/sys/kernel/random/boot_id"), told != nullptr ? told : "",
                  ReadAll("/proc/self/timens_offsets"));
}

}  // namespace token_service
