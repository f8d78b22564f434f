#include "server/http/retry_after.h"

#include <gtest/gtest.h>

namespace token_service::http {
namespace {

// Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's own example.
const absl::Time kNow = absl::FromUnixSeconds(784'111'777);

struct Case {
  const char* value;
  std::optional<absl::Duration> expected;
};

TEST(RetryAfter, ReadsSecondsAndDates) {
  const Case cases[] = {
      {"0", absl::ZeroDuration()},
      {"120", absl::Seconds(120)},
      {"  120\t", absl::Seconds(120)},
      {"86401", absl::Hours(24)},
      {"99999999999999999999999999", absl::Hours(24)},
      {"Sun, 06 Nov 1994 08:49:47 GMT", absl::Seconds(10)},
      {"Sunday, 06-Nov-94 08:49:47 GMT", absl::Seconds(10)},
      {"Sun Nov  6 08:49:47 1994", absl::Seconds(10)},
      {"Sun, 06 Nov 1994 08:49:07 GMT", absl::ZeroDuration()},
      {"Tue, 06 Nov 2040 08:49:37 GMT", absl::Hours(24)},
  };
  for (const auto& [value, expected] : cases) {
    EXPECT_EQ(ParseRetryAfter(value, kNow), expected) << value;
  }
}

TEST(RetryAfter, IgnoresWhatIsNeither) {
  for (const char* value : {"", " ", "-1", "+1", "1.5", "1e3", "soon", "06 Nov 1994",
                            "Sun, 06 Nov 1994 08:49:47", "Sun, 99 Nov 1994 08:49:47 GMT"}) {
    EXPECT_EQ(ParseRetryAfter(value, kNow), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace token_service::http
