#include "server/http/retry_after.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace token_service::http {
namespace {

constexpr absl::Duration kMax = absl::Hours(24);

// IMF-fixdate, RFC 850, asctime.
constexpr const char* kDateFormats[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};

absl::Duration Bounded(absl::Duration delay) {
  return std::clamp(delay, absl::ZeroDuration(), kMax);
}

}  // namespace

std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now) {
  std::string text(value);
  absl::StripAsciiWhitespace(&text);
  if (text.empty()) return std::nullopt;
  if (std::all_of(text.begin(), text.end(),
                  [](unsigned char c) { return absl::ascii_isdigit(c); })) {
    int64_t seconds = 0;
    // All digits and yet no int64: it is too large for one.
    return absl::SimpleAtoi(text, &seconds) ? Bounded(absl::Seconds(seconds)) : kMax;
  }
  for (const char* format : kDateFormats) {
    absl::Time time;
    if (absl::ParseTime(format, text, &time, nullptr)) return Bounded(time - now);
  }
  return std::nullopt;
}

}  // namespace token_service::http
