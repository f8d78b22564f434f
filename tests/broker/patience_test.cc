#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;

// How long callers wait for a provider that hangs: an exchange that is not run yet is one that it
// has not answered.
class PatienceTest : public BrokerTest {
 protected:
  PatienceTest() { Create("alpha"); }

  // The provider did not do its work once; the next exchange is out.
  void RetryIsOut() {
    ProviderIs(NotReached);
    StartAndRun();
    Hang(absl::Seconds(1));
    ASSERT_EQ(process_->executor.pending(), 1);
  }
};

TEST_F(PatienceTest, ARetryIsWaitedForOneSecond) {
  RetryIsOut();
  Caller& caller = Get();
  Hang(absl::Milliseconds(999));
  EXPECT_EQ(caller.outcome(), "waiting");
  Hang(absl::Milliseconds(1));
  EXPECT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(caller.retry_after(), absl::Seconds(1));
}

TEST_F(PatienceTest, WhoeverComesLaterIsRefusedAtOnce) {
  RetryIsOut();
  Hang(absl::Seconds(10));
  EXPECT_EQ(Get().outcome(), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(provider_.count(), 1) << "and costs the provider nothing";
}

TEST_F(PatienceTest, TheFlightGoesOnAndItsTokenServes) {
  RetryIsOut();
  Hang(absl::Seconds(10));
  ProviderIsWell();
  Run();
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(PatienceTest, ATokenInTimeIsForWhoeverWaits) {
  RetryIsOut();
  Caller& caller = Get();
  Hang(absl::Milliseconds(500));
  ProviderIsWell();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  Hang(absl::Seconds(10));
}

TEST_F(PatienceTest, AnEarlierRetrysEndIsNotTheNextOnes) {
  RetryIsOut();
  Hang(absl::Milliseconds(500));
  Run();  // Failed again; the next is out 1.6 s later.
  Hang(absl::Milliseconds(1600));
  ASSERT_EQ(process_->executor.pending(), 1);
  Caller& caller = Get();
  Hang(absl::Milliseconds(900));
  EXPECT_EQ(caller.outcome(), "waiting");
}

TEST_F(PatienceTest, AnExchangeThatNothingSpeaksAgainstIsWaitedFor) {
  Start();
  Caller& caller = Get();
  Hang(absl::Seconds(29));
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
}

TEST_F(PatienceTest, AReplayAtOnceIsWaitedFor) {
  StartAndRun();
  Elapse(absl::Hours(2));  // Seen to rotate; and the token now live is the second.
  provider_.Next(Lost());
  Caller& caller = GetValidFor(absl::Minutes(58));
  process_->executor.RunOne();
  ASSERT_EQ(process_->executor.pending(), 1) << "the replay";
  Hang(absl::Seconds(5));
  EXPECT_EQ(caller.outcome(), "waiting");
}

TEST_F(PatienceTest, AnOperatorWaitsForTheOutcome) {
  RetryIsOut();
  Caller& caller = OperatorRefresh();
  Hang(absl::Seconds(20));
  EXPECT_EQ(caller.outcome(), "waiting");
  ProviderIsWell();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
}

TEST_F(PatienceTest, ADeletedCredentialsPatienceEndsWithIt) {
  RetryIsOut();
  scheduler().Remove("alpha");
  Hang(absl::Seconds(10));
  Run();
}

// A provider down for a token's whole life costs callers nothing until its end, and then a status
// at once; whatever they do costs the provider no more than its breaker allows.
TEST_F(PatienceTest, AnOutageOfAWholeLifetime) {
  StartAndRun();
  ProviderIs(NotReached);
  for (int i = 0; i < 60; ++i) {
    for (int caller = 0; caller < 100; ++caller) {
      EXPECT_EQ(Get().outcome(), "token 1");
    }
    Elapse(absl::Minutes(1) - absl::Milliseconds(1));
  }
  Elapse(absl::Seconds(1));
  const size_t posts = provider_.count();
  // From 48 minutes on: a second apart, then two minutes.
  EXPECT_LE(posts, 20);
  for (int i = 0; i < 60; ++i) {
    for (int caller = 0; caller < 100; ++caller) {
      EXPECT_EQ(Get().outcome(), "PROVIDER_UNAVAILABLE");
    }
    Elapse(absl::Minutes(1));
  }
  EXPECT_LE(provider_.count(), posts + 60);
}

}  // namespace
}  // namespace token_service::testing
