#include "server/app/site_limiter.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/testing/fake_clock.h"

namespace token_service::app {
namespace {

class SiteLimiterTest : public ::testing::Test {
 protected:
  int Admitted(int calls, std::string_view file = "x.cc", int line = 7) {
    int admitted = 0;
    for (int i = 0; i < calls; ++i) admitted += limiter_.Admit(file, line) ? 1 : 0;
    return admitted;
  }

  testing::FakeClock clock_;
  SiteLimiter limiter_{{.lines = 3, .interval = absl::Seconds(10), .most_sites = 4}, clock_};
};

TEST_F(SiteLimiterTest, EachPlaceHasItsLinesInEachInterval) {
  EXPECT_EQ(Admitted(100), 3);
  EXPECT_EQ(Admitted(100, "x.cc", 8), 3);
  EXPECT_EQ(Admitted(100, "y.cc"), 3);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Admitted(100), 3);
}

TEST_F(SiteLimiterTest, WhatWasSuppressedIsToldOnceTheIntervalIsOver) {
  Admitted(100);
  EXPECT_TRUE(limiter_.Take().empty());
  clock_.Advance(absl::Seconds(10));
  const auto taken = limiter_.Take();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].file, "x.cc");
  EXPECT_EQ(taken[0].line, 7);
  EXPECT_EQ(taken[0].lines, 97u);
  EXPECT_TRUE(limiter_.Take().empty());
}

TEST_F(SiteLimiterTest, WhatIsSuppressedIsToldThoughThePlaceNeverFallsSilent) {
  Admitted(100);
  clock_.Advance(absl::Seconds(10));
  Admitted(50);
  auto taken = limiter_.Take();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].lines, 97u);
  EXPECT_TRUE(limiter_.Take().empty());
  clock_.Advance(absl::Seconds(10));
  taken = limiter_.Take();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].lines, 47u);
}

TEST_F(SiteLimiterTest, NothingIsToldOfWhoStayedWithin) {
  Admitted(3);
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(limiter_.Take().empty());
}

TEST_F(SiteLimiterTest, PlacesBeyondTheMostShareOne) {
  for (int line = 0; line < 4; ++line) EXPECT_EQ(Admitted(1, "x.cc", line), 1);
  int admitted = 0;
  for (int line = 100; line < 200; ++line) admitted += Admitted(1, "x.cc", line);
  EXPECT_EQ(admitted, 3);
}

}  // namespace
}  // namespace token_service::app
