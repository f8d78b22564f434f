#include <gtest/gtest.h>

#include <vector>

#include "tests/broker/interleaving_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialState;

broker::ExchangeOutcome LostAnswer() { return Lost(); }

// ---- an attempt on record from before a crash

class CrashTest : public InterleavingTest {
 protected:
  // A crash with a request out, and a restart `after` it was begun. Its generation is not given
  // again.
  void CrashAndRestart(absl::Duration after) {
    StartWithOldToken();
    BeginOnRecord("us, before");
    clock_.Advance(after);
    StartAndRun();
  }
};

TEST_F(CrashTest, InsideTheReplayWindowItIsReplayedAtOnce) {
  CrashAndRestart(absl::Seconds(5));
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(Get().outcome(), "token 3");
}

TEST_F(CrashTest, OutsideItIsHeldBackWhileTheTokenIsGood) {
  CrashAndRestart(absl::Seconds(10));
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  EXPECT_EQ(Get().outcome(), "token 1");
  Caller& caller = GetFresher();
  EXPECT_EQ(caller.outcome(), "REFRESH_IN_DOUBT");
  EXPECT_EQ(caller.retry_after(), absl::Minutes(19) - absl::Seconds(10));
  Elapse(*caller.retry_after() - absl::Seconds(1));
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Seconds(1));
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(Get().outcome(), "token 3");
}

TEST_F(CrashTest, OutsideItIsReplayedWhenTheTokenIsNearlySpent) {
  CrashAndRestart(absl::Minutes(19.5));
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(CrashTest, OutsideItIsReplayedWhenTheTokenIsSpent) {
  CrashAndRestart(absl::Hours(1));
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(Get().outcome(), "token 3");
}

class SetBackTest : public CrashTest, public ::testing::WithParamInterface<absl::Duration> {};

TEST_P(SetBackTest, AWallClockSetBackOpensNoWindow) {
  StartWithOldToken();
  BeginOnRecord("us, before");
  clock_.Advance(absl::Seconds(15));
  clock_.JumpWall(-GetParam());
  StartAndRun();
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  EXPECT_EQ(Get().outcome(), "token 1");
}

INSTANTIATE_TEST_SUITE_P(By, SetBackTest,
                         ::testing::Values(absl::Seconds(10), absl::Seconds(45), absl::Seconds(60),
                                           absl::Hours(1)));

TEST_F(CrashTest, AWallClockSetForwardClosesNone) {
  StartWithOldToken();
  BeginOnRecord("us, before");
  clock_.JumpWall(absl::Hours(1));
  clock_.Advance(absl::Seconds(5));
  StartAndRun();
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(CrashTest, AnotherBootOfTheMachineEndsTheWindow) {
  StartWithOldToken();
  BeginOnRecord("us, before");
  clock_.Reboot();
  clock_.Advance(absl::Seconds(1));
  StartAndRun();
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(CrashTest, WithoutATokenItIsTriedAgain) {
  BeginOnRecord("us, before");
  clock_.Advance(absl::Hours(1));
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(CrashTest, AtAProviderNeverSeenToRotateNothingIsHeldBack) {
  provider_.SetRotates(false);
  CrashAndRestart(absl::Minutes(1));
  EXPECT_EQ(provider_.count(), 1) << "nor in a hurry";
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "token 3");
}

TEST_F(CrashTest, AnOperatorOverridesTheHold) {
  CrashAndRestart(absl::Minutes(1));
  Caller& caller = OperatorRefresh();
  Run();
  EXPECT_EQ(caller.outcome(), "token 3");
}

TEST_F(CrashTest, ASecondCrashKeepsTheFirstDoubt) {
  StartWithOldToken();
  BeginOnRecord("us, before");
  clock_.Advance(absl::Seconds(8));
  Start();  // Killed before its replay is on record …
  ASSERT_EQ(process_->executor.pending(), 1);
  clock_.Advance(absl::Seconds(3));
  StartAndRun();  // … and the window counts from the first attempt.
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(State(), CredentialState::kInDoubt);
}

TEST_F(CrashTest, AReplayThatWaitedForAWorkerPastTheWindowIsHeldBack) {
  options_.scheduler.per_endpoint = 1;
  Create("aaa");  // Before it in the queue.
  StartAndRun();
  Elapse(absl::Minutes(40));
  BeginOnRecord("us, before");
  ASSERT_TRUE(memory_.ReplaceRefreshToken("aaa", Secret(std::string_view("aaa/new"))).ok());
  clock_.Advance(absl::Seconds(5));
  Start();
  scheduler().OnGrantReplaced("aaa", broker::RefreshScheduler::Hold::kEnds);
  // Whichever of the two is out first, the other is not sent after the window's end.
  provider_.Meanwhile([this] { clock_.Advance(absl::Seconds(10)); });
  const size_t before = provider_.count("alpha");
  Run();
  EXPECT_LE(provider_.count("alpha"), before + 1);
  EXPECT_EQ(Get().outcome().substr(0, 5), "token");
}

// ---- an answer is lost

using DoubtTest = InterleavingTest;

TEST_F(DoubtTest, ItIsReplayedAtOnceAndTheCallerKnowsNothing) {
  StartWithOldToken();
  provider_.Next(Lost());
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(provider_.count(), 3);
  EXPECT_EQ(State(), CredentialState::kActive);
}

TEST_F(DoubtTest, AProviderThatAsksForPatienceGetsItBeforeTheReplay) {
  StartWithOldToken();
  provider_.Next(Lost(absl::Seconds(4)));
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(caller.retry_after(), absl::Seconds(4));
  EXPECT_EQ(provider_.count(), 2);
  Elapse(absl::Seconds(4));
  EXPECT_EQ(provider_.count(), 3);
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(DoubtTest, WhoAsksForMorePatienceThanTheWindowIsHeld) {
  StartWithOldToken();
  provider_.Next(Lost(absl::Seconds(20)));
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "REFRESH_IN_DOUBT");
  Elapse(absl::Minutes(1));
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(DoubtTest, AReplayGoesOutWhileDrainingToo) {
  StartWithOldToken();
  provider_.Next(Lost());
  Caller& caller = GetFresher();
  EXPECT_FALSE(scheduler().Drain(absl::ZeroDuration()));
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(provider_.count(), 3);
  EXPECT_TRUE(scheduler().Drain(absl::ZeroDuration()));
}

TEST_F(DoubtTest, ThenWithBackoffInsideTheWindowThenItIsHeld) {
  StartWithOldToken();
  ProviderIs(LostAnswer);
  const MonotonicTime start = clock_.Now();
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(caller.retry_after(), absl::Seconds(1.6));
  Elapse(absl::Minutes(10));
  std::vector<absl::Duration> at;
  for (const auto& post : provider_.posts()) {
    if (post.at >= start) at.push_back(post.at - start);
  }
  EXPECT_EQ(at, (std::vector<absl::Duration>{absl::ZeroDuration(), absl::ZeroDuration(),
                                             absl::Seconds(1.6), absl::Seconds(4.16),
                                             absl::Seconds(8.256)}));
  Caller& held = GetFresher();
  EXPECT_EQ(held.outcome(), "REFRESH_IN_DOUBT");
  EXPECT_EQ(held.retry_after(), absl::Minutes(9));
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(DoubtTest, AReplayThatConnectsPastTheEndOfItsWindowIsNotSent) {
  StartWithOldToken();
  const size_t before = provider_.count();
  provider_.WhileConnecting([] {});
  provider_.Next(Lost());
  provider_.WhileConnecting([this] { clock_.Advance(absl::Seconds(12.5)); });
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "REFRESH_IN_DOUBT");
  EXPECT_EQ(provider_.count(), before + 1);
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(DoubtTest, AHoldEndsWhenACallerReportsTheTokenRejected) {
  StartWithOldToken();
  ProviderIs(LostAnswer);
  GetFresher();
  Elapse(absl::Minutes(1));
  const size_t posts = provider_.count();
  ProviderIsWell();
  Caller& caller = Reject(1);
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(provider_.count(), posts + 1);
}

TEST_F(DoubtTest, AHoldEndsWhenTheTokenIsNearlySpentAndRetriesGoOnUntilADefiniteAnswer) {
  StartWithOldToken();
  ProviderIs(LostAnswer);
  GetFresher();
  Elapse(absl::Minutes(25));
  const size_t posts = provider_.count();
  EXPECT_GT(posts, 6);
  EXPECT_EQ(Get().outcome(), "PROVIDER_UNAVAILABLE");
  ProviderIs(Dead);
  Elapse(absl::Hours(1));
  EXPECT_EQ(provider_.count(), posts + 1);
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
}

TEST_F(DoubtTest, AThrottledReplayDoesNotSettleIt) {
  StartWithOldToken();
  provider_.Next(Lost());
  provider_.Next(Throttled(absl::Seconds(30)));
  GetFresher();
  Run();
  EXPECT_EQ(GetFresher().outcome(), "REFRESH_IN_DOUBT");
  EXPECT_EQ(State(), CredentialState::kInDoubt);
}

TEST_F(DoubtTest, AProviderNeverSeenToRotateIsJustTriedAgain) {
  provider_.SetRotates(false);
  StartWithOldToken();
  provider_.Next(Lost());
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(caller.retry_after(), absl::Seconds(1));
  Elapse(absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 2");
}

// The time-out is longer than the window, and a slow answer is not a lost one.
TEST_F(DoubtTest, TheWindowCountsFromWhenTheLossIsNoticed) {
  StartWithOldToken();
  provider_.Next([this] {
    clock_.Advance(absl::Seconds(30));
    return Lost();
  });
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(provider_.count(), 3);
}

// Stopped, or asleep, with the request out: a provider's grace does not wait for us.
TEST_F(DoubtTest, ALossNoticedLongAfterItsTimeOutOpensNoWindow) {
  StartWithOldToken();
  const size_t before = provider_.count();
  provider_.Next([this] {
    clock_.Advance(absl::Minutes(2));
    return Lost();
  });
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "REFRESH_IN_DOUBT");
  EXPECT_EQ(provider_.count(), before + 1);
}

TEST_F(DoubtTest, AReplayThatTimesOutTooIsTheLast) {
  StartWithOldToken();
  const size_t before = provider_.count();
  for (int i = 0; i < 3; ++i) {
    provider_.Next([this] {
      clock_.Advance(absl::Seconds(30));
      return Lost();
    });
  }
  GetFresher();
  Run();
  Elapse(absl::Minutes(5));
  EXPECT_EQ(provider_.count(), before + 2);
  EXPECT_EQ(State(), CredentialState::kInDoubt);
}

TEST_F(DoubtTest, TheWindowGoesOnOverARestart) {
  StartWithOldToken();
  provider_.Next([this] {
    clock_.Advance(absl::Seconds(30));
    return Lost();
  });
  GetFresher();
  process_->executor.RunOne();  // The exchange; its replay waits, and the process is killed.
  const size_t before = provider_.count();
  clock_.Advance(absl::Seconds(9));
  clock_.JumpWall(-absl::Seconds(45));
  StartAndRun();
  EXPECT_EQ(provider_.count(), before + 1);
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(DoubtTest, AWallClockThatJumpsMakesTheWindowNeitherLongerNorShorter) {
  StartWithOldToken();
  provider_.Next(Lost());
  provider_.Next(Lost());
  GetFresher();
  Run();
  clock_.JumpWall(absl::Hours(1));
  Elapse(absl::Seconds(1.6));
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(DoubtTest, AWallClockSetBackOverARestartOpensNoWindow) {
  StartWithOldToken();
  provider_.Next(Lost());
  provider_.Next(Lost());
  GetFresher();
  Run();
  clock_.Advance(absl::Minutes(1));
  clock_.JumpWall(-absl::Minutes(3));
  const size_t posts = provider_.count();
  Start();
  Run();
  EXPECT_EQ(provider_.count(), posts) << "the access token is good for minutes yet";
}

}  // namespace
}  // namespace token_service::testing
