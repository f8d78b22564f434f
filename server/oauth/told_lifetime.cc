#include "server/oauth/told_lifetime.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/absl_view.h"

namespace token_service::oauth {
namespace {

// Thirty-one years as a length; September 2001 as a date.
constexpr double kLeastDate = 1e9;
// In the year 5138 as seconds, in March 1973 as milliseconds.
constexpr double kLeastMilliseconds = 1e11;
constexpr double kGreatestDate = 1e14;

std::optional<absl::Duration> Positive(absl::Duration lifetime) {
  if (lifetime <= absl::ZeroDuration()) return std::nullopt;
  return std::min(lifetime, kLongestLifetime);
}

absl::Duration Units(double number, broker::TimeUnit unit) {
  switch (unit) {
    case broker::TimeUnit::kMilliseconds:
      return absl::Milliseconds(number);
    case broker::TimeUnit::kMinutes:
      return absl::Minutes(number);
    case broker::TimeUnit::kSeconds:
      break;
  }
  return absl::Seconds(number);
}

bool IsDate(double number) { return number >= kLeastDate && number < kGreatestDate; }

absl::Time DateOf(double number) {
  const double seconds = number >= kLeastMilliseconds ? number / 1000 : number;
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

std::optional<absl::Time> DateOf(absl::string_view text) {
  for (const char* format : {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S%Ez",
                             "%Y-%m-%d%ET%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S"}) {
    absl::Time date;
    std::string error;
    if (absl::ParseTime(format, text, &date, &error)) return date;
  }
  return std::nullopt;
}

}  // namespace

std::optional<absl::Duration> LifetimeOf(const AnswerMember& member, broker::TimeUnit unit,
                                         absl::Time now) {
  const std::optional<double> number = member.Number();
  if (!number.has_value()) return LifetimeUntil(member, now);
  if (!std::isfinite(*number)) return std::nullopt;
  if (unit == broker::TimeUnit::kSeconds && IsDate(*number)) {
    const std::optional<absl::Duration> until = LifetimeUntil(member, now);
    if (until.has_value()) return until;
  }
  // Not of the number: one that is positive may be less than any duration.
  return Positive(Units(*number, unit));
}

std::optional<absl::Duration> LifetimeUntil(const AnswerMember& member, absl::Time now) {
  if (const std::optional<double> number = member.Number(); number.has_value()) {
    if (!IsDate(*number)) return std::nullopt;
    return Positive(DateOf(*number) - now);
  }
  const Secret text = member.Text();
  const std::optional<absl::Time> date = DateOf(AbslView(text.Reveal()));
  return date.has_value() ? Positive(*date - now) : std::nullopt;
}

}  // namespace token_service::oauth
