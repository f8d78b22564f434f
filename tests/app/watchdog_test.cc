#include "server/app/watchdog.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_clock.h"

namespace token_service::app {
namespace {

struct WatchdogTest : ::testing::Test {
  int said = 0;
  token_service::testing::FakeClock clock;
  Watchdog watchdog{absl::Seconds(20), [this] { ++said; }, clock};
};

TEST_F(WatchdogTest, SpeaksWhileBothThreadsComeBy) {
  for (int i = 0; i < 10; ++i) {
    clock.Advance(watchdog.interval());
    watchdog.MainThreadIsHere();
    watchdog.TimerThreadIsHere();
  }
  EXPECT_EQ(said, 10);
}

TEST_F(WatchdogTest, FallsSilentWhenTheMainThreadHangs) {
  clock.Advance(absl::Seconds(10));
  watchdog.TimerThreadIsHere();
  EXPECT_EQ(said, 1);
  clock.Advance(absl::Seconds(1));
  watchdog.TimerThreadIsHere();
  EXPECT_EQ(said, 1);
}

TEST_F(WatchdogTest, FallsSilentWhenTheTimersHang) {
  clock.Advance(absl::Seconds(1));
  watchdog.MainThreadIsHere();
  EXPECT_EQ(said, 0);
}

TEST_F(WatchdogTest, SpeaksAgainWhenTheMainThreadIsBack) {
  clock.Advance(absl::Seconds(60));
  watchdog.TimerThreadIsHere();
  watchdog.MainThreadIsHere();
  watchdog.TimerThreadIsHere();
  EXPECT_EQ(said, 1);
}

TEST_F(WatchdogTest, DoesNotWaitForAMainThreadThatDrains) {
  watchdog.MainThreadIsDraining();
  clock.Advance(absl::Hours(1));
  watchdog.TimerThreadIsHere();
  EXPECT_EQ(said, 1);
}

}  // namespace
}  // namespace token_service::app
