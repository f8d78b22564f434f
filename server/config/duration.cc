#include "server/config/duration.h"

#include <string>

#include "absl/strings/ascii.h"

namespace token_service::app {

std::optional<absl::Duration> ParseConfigDuration(std::string_view text) {
  // absl::ParseDuration takes signs, `inf` and a bare 0 besides.
  if (text.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(text.front())) ||
      !absl::ascii_isalpha(static_cast<unsigned char>(text.back()))) {
    return std::nullopt;
  }
  absl::Duration duration;
  if (!absl::ParseDuration(std::string(text), &duration)) return std::nullopt;
  if (duration == absl::InfiniteDuration()) return std::nullopt;
  return duration;
}

}  // namespace token_service::app
