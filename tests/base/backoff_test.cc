#include "server/base/backoff.h"

#include <gtest/gtest.h>

#include <climits>
#include <random>

namespace token_service {
namespace {

constexpr BackoffPolicy kExact = {
    .initial = absl::Seconds(1), .factor = 2, .jitter = 0, .max = absl::Seconds(60)};

TEST(BackoffTest, GrowsByTheFactorUpToTheMaximum) {
  const struct {
    int failures;
    absl::Duration delay;
  } cases[] = {
      {1, absl::Seconds(1)},        {2, absl::Seconds(2)},  {3, absl::Seconds(4)},
      {6, absl::Seconds(32)},       {7, absl::Seconds(60)}, {100, absl::Seconds(60)},
      {INT_MAX, absl::Seconds(60)},
  };
  std::mt19937 random;
  for (const auto& c : cases) {
    EXPECT_EQ(BackoffDelay(kExact, c.failures, random), c.delay) << c.failures;
  }
}

TEST(BackoffTest, JitterStaysWithinItsShareAndIsDrawnAnew) {
  BackoffPolicy policy = kExact;
  policy.jitter = 0.2;
  std::mt19937 random;
  absl::Duration least = absl::InfiniteDuration();
  absl::Duration most = absl::ZeroDuration();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration delay = BackoffDelay(policy, 4, random);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, absl::Seconds(8) * 0.8);
  EXPECT_LE(most, absl::Seconds(8) * 1.2);
  EXPECT_GT(most - least, absl::Seconds(2));
}

TEST(BackoffTest, JitterNeverPassesTheMaximum) {
  BackoffPolicy policy = kExact;
  policy.jitter = 0.5;
  std::mt19937 random;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LE(BackoffDelay(policy, 50, random), policy.max);
  }
}

}  // namespace
}  // namespace token_service
