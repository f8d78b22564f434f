#include "server/oauth/told_lifetime.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace token_service::oauth {
namespace {

using broker::TimeUnit;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

AnswerMember Text(std::string_view raw) { return {AnswerMember::Kind::kString, raw}; }
AnswerMember Number(std::string_view raw) { return {AnswerMember::Kind::kScalar, raw}; }

TEST(ToldLifetime, CountsInTheRulesUnit) {
  EXPECT_EQ(LifetimeOf(Number("90"), TimeUnit::kSeconds, kNow), absl::Seconds(90));
  EXPECT_EQ(LifetimeOf(Text("90"), TimeUnit::kMinutes, kNow), absl::Minutes(90));
  EXPECT_EQ(LifetimeOf(Number("3600000"), TimeUnit::kMilliseconds, kNow), absl::Hours(1));
}

TEST(ToldLifetime, WhatCanBeNoLengthIsADate) {
  EXPECT_EQ(LifetimeOf(Number("1700003600"), TimeUnit::kSeconds, kNow), absl::Hours(1));
  EXPECT_EQ(LifetimeOf(Text("1700003600000"), TimeUnit::kSeconds, kNow), absl::Hours(1));
  // Milliseconds may be that many.
  EXPECT_EQ(LifetimeOf(Number("1700003600"), TimeUnit::kMilliseconds, kNow),
            absl::Milliseconds(1700003600));
}

TEST(ToldLifetime, UntilADate) {
  const absl::Time until = kNow + absl::Hours(1);
  for (const char* format : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
                             "%Y-%m-%dT%H:%M:%S.000Z", "%Y-%m-%dT%H:%M:%S+00:00"}) {
    const std::string text = absl::FormatTime(format, until, absl::UTCTimeZone());
    EXPECT_EQ(LifetimeUntil(Text(text), kNow), absl::Hours(1)) << text;
  }
  const std::string east = absl::FormatTime("%Y-%m-%dT%H:%M:%S+02:00", until, absl::UTCTimeZone());
  EXPECT_EQ(LifetimeUntil(Text(east), kNow), std::nullopt) << "it was an hour ago";
}

TEST(ToldLifetime, WhatIsGoneByOrNoDateSaysNothing) {
  for (const char* text : {"2001-01-01T00:00:00Z", "soon", "", "2030-13-01T00:00:00Z"}) {
    EXPECT_EQ(LifetimeUntil(Text(text), kNow), std::nullopt) << text;
  }
  for (const char* number : {"0", "-5", "1600000000", "true", "null", "3600"}) {
    EXPECT_EQ(LifetimeUntil(Number(number), kNow), std::nullopt) << number;
  }
}

TEST(ToldLifetime, IsNeverMoreThanACentury) {
  EXPECT_EQ(LifetimeUntil(Text("9999-12-31T00:00:00Z"), kNow), kLongestLifetime);
}

}  // namespace
}  // namespace token_service::oauth
