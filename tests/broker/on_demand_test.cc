#include <gtest/gtest.h>

#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;
using broker::RefreshMode;

class OnDemandTest : public BrokerTest {
 protected:
  OnDemandTest() {
    Create("alpha");
    Create("idle", [](CredentialSettings& s) { s.refresh = RefreshMode::kOnDemand; });
    Create("brisk", [](CredentialSettings& s) {
      s.refresh = RefreshMode::kOnDemand;
      s.idle_after = absl::Minutes(10);
    });
  }
};

TEST_F(OnDemandTest, WhatNobodyAskedForIsKeptAliveOnceAWeek) {
  StartAndRun();
  Elapse(absl::Hours(167));
  EXPECT_EQ(provider_.count("idle"), 0);
  Elapse(absl::Hours(2));
  EXPECT_EQ(provider_.count("idle"), 1);
  Elapse(absl::Hours(168));
  EXPECT_EQ(provider_.count("idle"), 2);
}

TEST_F(OnDemandTest, TheWeekGoesOnOverARestart) {
  StartAndRun();
  Elapse(absl::Hours(100));
  Start();
  Elapse(absl::Hours(67));
  EXPECT_EQ(provider_.count("idle"), 0);
  Elapse(absl::Hours(2));
  EXPECT_EQ(provider_.count("idle"), 1);
}

TEST_F(OnDemandTest, ACallerGetsATokenAndKeepsItFreshForADay) {
  StartAndRun();
  Caller& caller = Get("idle");
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  Elapse(absl::Hours(23));
  const size_t posts = provider_.count("idle");
  EXPECT_GE(posts, 27);
  Elapse(absl::Hours(3));
  const size_t last = provider_.count("idle");
  EXPECT_LE(last, posts + 2);
  Elapse(absl::Hours(100));
  EXPECT_EQ(provider_.count("idle"), last);
}

TEST_F(OnDemandTest, ACallerWakesASleepingOneAndGetsTheLiveToken) {
  StartAndRun();
  Get("brisk");
  Elapse(absl::Minutes(55));
  EXPECT_EQ(provider_.count("brisk"), 1);
  EXPECT_TRUE(process_->cache.Find("brisk", MonotonicTime(absl::Seconds(1000)))->dormant);
  EXPECT_EQ(Get("brisk").outcome(), "token 1");
  EXPECT_FALSE(process_->cache.Find("brisk", clock_.Now())->dormant);
  Run();
  EXPECT_EQ(Get("brisk").outcome(), "token 2");
}

TEST_F(OnDemandTest, ACallerWakesOneWhoseTokenIsSpent) {
  StartAndRun();
  Get("brisk");
  Elapse(absl::Hours(5));
  EXPECT_EQ(provider_.count("brisk"), 1);
  Caller& caller = Get("brisk");
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

}  // namespace
}  // namespace token_service::testing
