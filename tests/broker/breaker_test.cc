#include "server/broker/breaker.h"

#include <gtest/gtest.h>

#include "absl/random/random.h"

namespace token_service::testing {
namespace {

using broker::Breaker;

class BreakerTest : public ::testing::Test {
 protected:
  void Outages(int times) {
    for (int i = 0; i < times; ++i) breaker_.OnOutage(/*probe=*/false, now_, random_);
  }
  void Open() { Outages(5); }
  // When the next probe may start, from now.
  absl::Duration Delay() const { return breaker_.probe_at() - now_; }
  void ProbeFails() {
    now_ = breaker_.probe_at();
    ASSERT_TRUE(breaker_.Allow(now_));
    breaker_.OnOutage(/*probe=*/true, now_, random_);
  }

  absl::BitGen random_;
  MonotonicTime now_{absl::Seconds(1000)};
  // Without jitter, so that delays can be told.
  Breaker breaker_{{.threshold = 5, .backoff = {.jitter = 0, .max = absl::Seconds(30)}}};
};

TEST_F(BreakerTest, StaysClosedBelowTheThreshold) {
  Outages(4);
  EXPECT_FALSE(breaker_.IsOpen());
  EXPECT_TRUE(breaker_.Allow(now_));
  EXPECT_TRUE(breaker_.Allow(now_));
}

TEST_F(BreakerTest, OpensAtTheThreshold) {
  Open();
  EXPECT_TRUE(breaker_.IsOpen());
  EXPECT_FALSE(breaker_.Allow(now_));
}

TEST_F(BreakerTest, ASignOfLifeStartsTheCountAnew) {
  Outages(4);
  breaker_.OnSignOfLife();
  Outages(4);
  EXPECT_FALSE(breaker_.IsOpen());
}

TEST_F(BreakerTest, LetsOneProbeThroughWhenItsTimeHasCome) {
  Open();
  now_ = breaker_.probe_at();
  EXPECT_TRUE(breaker_.Allow(now_));
  EXPECT_TRUE(breaker_.probing());
  EXPECT_FALSE(breaker_.Allow(now_ + absl::Hours(1)));
}

TEST_F(BreakerTest, ProbesComeFurtherAndFurtherApartUpToTheMost) {
  Open();
  EXPECT_EQ(Delay(), absl::Seconds(1));
  ProbeFails();
  EXPECT_EQ(Delay(), absl::Seconds(1.6));
  ProbeFails();
  EXPECT_EQ(Delay(), absl::Seconds(2.56));
  for (int i = 0; i < 100; ++i) ProbeFails();
  EXPECT_EQ(Delay(), absl::Seconds(30));
}

TEST_F(BreakerTest, ExchangesThatReportLateDoNotPutTheProbeOff) {
  Open();
  const MonotonicTime probe_at = breaker_.probe_at();
  now_ = now_ + absl::Milliseconds(500);
  Outages(3);
  EXPECT_EQ(breaker_.probe_at(), probe_at);
}

TEST_F(BreakerTest, ExchangesThatReportLateAreNotTakenForTheProbe) {
  Open();
  now_ = breaker_.probe_at();
  ASSERT_TRUE(breaker_.Allow(now_));
  Outages(1);
  breaker_.OnNothingLearned(/*probe=*/false);
  EXPECT_TRUE(breaker_.probing());
  EXPECT_FALSE(breaker_.Allow(now_));
}

TEST_F(BreakerTest, AProbeThatTellsNothingMakesRoomForAnother) {
  Open();
  now_ = breaker_.probe_at();
  ASSERT_TRUE(breaker_.Allow(now_));
  breaker_.OnNothingLearned(/*probe=*/true);
  EXPECT_TRUE(breaker_.IsOpen());
  EXPECT_TRUE(breaker_.Allow(now_));
}

TEST_F(BreakerTest, ASuccessfulProbeClosesIt) {
  Open();
  now_ = breaker_.probe_at();
  ASSERT_TRUE(breaker_.Allow(now_));
  breaker_.OnSignOfLife();
  EXPECT_FALSE(breaker_.IsOpen());
  EXPECT_TRUE(breaker_.Allow(now_));
  EXPECT_TRUE(breaker_.Allow(now_));
}

}  // namespace
}  // namespace token_service::testing
