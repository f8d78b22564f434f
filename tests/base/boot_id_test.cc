#include "server/base/boot_id.h"

#include <gtest/gtest.h>

#include "server/base/clock.h"

namespace token_service {
namespace {

constexpr char kKernels[] = "2d6f0f59-8b0f-4f0e-9d7b-8f5e4f3c2b1a\n";
constexpr char kDigits[] = "2d6f0f598b0f4f0e9d7b8f5e4f3c2b1a";
constexpr char kNoOffset[] = "monotonic           0         0\nboottime            0         0\n";

TEST(BootIdTest, TheKernelsWordGoesBeforeTheServiceManagers) {
  EXPECT_EQ(BootIdOf(kKernels, "", kNoOffset), kDigits);
  EXPECT_EQ(BootIdOf(kKernels, std::string(32, 'a'), ""), kDigits);
  EXPECT_EQ(BootIdOf("", kDigits, kNoOffset), kDigits) << "as %b is written";
  EXPECT_EQ(BootIdOf("", kKernels, kNoOffset), kDigits);
}

TEST(BootIdTest, NothingThatIsNoBootIdIsOne) {
  for (const char* text : {"", "%b", "0", "unknown", "2d6f0f59-8b0f-4f0e-9d7b"}) {
    EXPECT_EQ(BootIdOf(text, text, kNoOffset), "") << text;
  }
}

TEST(BootIdTest, ATimeNamespaceWithAnOffsetHasAClockOfItsOwn) {
  const std::string shifted = BootIdOf(kKernels, "", "monotonic 7 0\nboottime  86400 5\n");
  EXPECT_NE(shifted, kDigits);
  EXPECT_NE(shifted, BootIdOf(kKernels, "", "monotonic 7 0\nboottime  86401 5\n"));
  EXPECT_EQ(BootIdOf(kKernels, "", "monotonic 7 0\nboottime 0 0\n"), kDigits);
}

TEST(BootIdTest, AMomentOfNowIsOfThisBoot) {
  const Clock& clock = SystemClock();
  EXPECT_EQ(clock.BootId(), ReadBootId());
  const MonotonicTime before = clock.Now();
  const Moment moment = clock.MomentAt(before);
  EXPECT_EQ(moment.boot_id, clock.BootId());
  EXPECT_EQ(moment.since_boot, before.since_origin());
  EXPECT_LT(absl::AbsDuration(clock.WallNow() - moment.wall), absl::Minutes(1));
}

}  // namespace
}  // namespace token_service
