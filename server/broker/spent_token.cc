#include "server/broker/spent_token.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace token_service::broker {
namespace {

constexpr char kPayload[] = "token-service/spent-token";

std::string_view Because(SpentToken::Why why) {
  switch (why) {
    case SpentToken::Why::kSuperseded:
      return ", and presenting it again could make the provider revoke the grant; get a new one "
             "from the provider";
    case SpentToken::Why::kMayBeConsumed:
      return ": it was sent then, and the answer is lost; refresh the credential that holds it, or "
             "get a new one from the provider";
    case SpentToken::Why::kHeldElsewhere:
      return ": another credential holds it, and its provider may replace it at each use; get one "
             "for each credential";
  }
  return "";
}

}  // namespace

std::string SinceText(const SpentToken& spent) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", spent.since, absl::UTCTimeZone());
}

std::string Describe(const SpentToken& spent) {
  const bool certain = spent.why == SpentToken::Why::kSuperseded;
  const bool elsewhere = spent.why == SpentToken::Why::kHeldElsewhere;
  return absl::StrCat("this refresh token ",
                      certain     ? "has been spent since "
                      : elsewhere ? "has been in use since "
                                  : "may have been spent since ",
                      SinceText(spent), std::string(Because(spent.why)));
}

absl::Status SpentTokenError(const SpentToken& spent) {
  absl::Status status = absl::FailedPreconditionError(Describe(spent));
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(static_cast<int>(spent.why), " ",
                                                      absl::ToUnixNanos(spent.since))));
  return status;
}

std::optional<SpentToken> SpentTokenOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), ' ');
  int why = 0;
  int64_t since = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &why) ||
      !absl::SimpleAtoi(parts[1], &since)) {
    return std::nullopt;
  }
  return SpentToken{.why = static_cast<SpentToken::Why>(why), .since = absl::FromUnixNanos(since)};
}

}  // namespace token_service::broker
