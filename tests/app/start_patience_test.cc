#include "server/app/start_patience.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_clock.h"

namespace token_service::app {
namespace {

TEST(StartPatienceTest, AsksAgainAndAgainWhileItGetsOnAndNotForAShortStart) {
  testing::FakeClock clock;
  int asked = 0;
  StartPatience patience(
      [&asked](absl::Duration more) {
        EXPECT_EQ(more, StartPatience::kMore);
        ++asked;
      },
      clock);
  patience.Progress();
  clock.Advance(StartPatience::kInterval - absl::Milliseconds(1));
  patience.Progress();
  EXPECT_EQ(asked, 0);
  clock.Advance(absl::Milliseconds(1));
  patience.Progress();
  patience.Progress();
  EXPECT_EQ(asked, 1);
  clock.Advance(StartPatience::kInterval);
  EXPECT_EQ(asked, 1) << "who hangs does not ask";
  patience.Progress();
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace token_service::app
