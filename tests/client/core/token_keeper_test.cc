#include "client/core/token_keeper.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "tests/client/core/keeper_fixture.h"

namespace token_service::testing {
namespace {

using client::ErrorReason;
using client::TokenError;

// Before the end of an hour's token: a minute, a quarter more or less.
constexpr absl::Duration kEarliestAsk = absl::Seconds(75);
constexpr absl::Duration kLatestAsk = absl::Seconds(45);

TEST_F(KeeperTest, WatchesFromTheStartAndServesWhatComes) {
  Pass(absl::ZeroDuration());
  EXPECT_EQ(watches(), 1u);
  EXPECT_EQ(gets(), 0u);

  WatchBrings(Token(1));
  EXPECT_EQ(served(), 1u);
  WatchBrings(Token(2));
  EXPECT_EQ(served(), 2u);
  EXPECT_EQ(news_, 2);
}

TEST_F(KeeperTest, AsksForNothingWhileTokensArePushedInTime) {
  Pass(absl::ZeroDuration());
  for (uint64_t generation = 1; generation <= 20; ++generation) {
    WatchBrings(Token(generation));
    Pass(absl::Minutes(50));
  }
  EXPECT_EQ(gets(), 0u);
  EXPECT_EQ(watches(), 1u);
}

TEST_F(KeeperTest, ServesTheTokenToItsEndWhileTheServerIsAwayAndThenSaysSo) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  WatchEnds(Unreachable());
  for (int minute = 0; minute < 59; ++minute) {
    Pass(absl::Minutes(1));
    ASSERT_EQ(served(), 1u) << minute;
    if (transport_.started().back().watch) WatchEnds(Unreachable());
  }
  Pass(absl::Seconds(59.999));
  EXPECT_EQ(served(), 1u);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(served(), 0u);
  EXPECT_EQ(error().code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(error().reason, ErrorReason::kTokenExpired);
  EXPECT_NE(error().message.find("connection refused"), std::string::npos);
}

// SIGSTOP, and a token comes meanwhile: nobody knows how long it lay there.
TEST_F(KeeperTest, CountsWhatMayHaveWaitedFromWhenItCanHaveBeenSent) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  const client::Moment stopped = now_;
  now_ += absl::Minutes(50);
  keeper_.OnGap(stopped, now_);
  WatchBrings(Token(2, absl::Hours(1)));
  EXPECT_EQ(served(), 2u);
  EXPECT_EQ(gets(), 1u) << "how long it really has is asked for at once";
  GetEnds(Unreachable());
  Pass(absl::Minutes(10) - absl::Milliseconds(1));
  EXPECT_EQ(served(), 2u);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(served(), 0u);
}

TEST_F(KeeperTest, ATokenThatMayBeOverIsNotServedButAskedFor) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  const client::Moment stopped = now_;
  now_ += absl::Hours(3);
  keeper_.OnGap(stopped, now_);
  WatchBrings(Token(2, absl::Hours(1)));
  EXPECT_EQ(served(), 0u);
  ASSERT_EQ(gets(), 1u);
  GetBrings(Token(2, absl::Minutes(20)));
  EXPECT_EQ(served(), 2u);
  EXPECT_EQ(gets(), 1u);
  Pass(absl::Minutes(20) - absl::Milliseconds(1));
  EXPECT_EQ(served(), 2u);
}

TEST_F(KeeperTest, AnAnswerToACallThatWasUnderWayCountsFromTheCall) {
  Pass(absl::ZeroDuration());
  WatchEnds({.code = grpc::StatusCode::UNIMPLEMENTED, .message = "unknown method"});
  ASSERT_EQ(gets(), 1u);
  const client::Moment asked = now_;
  Pass(absl::Seconds(1));
  now_ += absl::Minutes(30);
  keeper_.OnGap(asked, now_);
  GetBrings(Token(1, absl::Hours(1)));
  EXPECT_EQ(served(), 1u);
  Pass(absl::Minutes(30) - absl::Seconds(2));
  EXPECT_EQ(served(), 1u);
  Pass(absl::Seconds(1));
  EXPECT_EQ(served(), 0u);
}

TEST_F(KeeperTest, WhatComesLongAfterAGapCountsAsEver) {
  Pass(absl::ZeroDuration());
  keeper_.OnGap(now_ - absl::Hours(3), now_);
  Pass(policy_.aftermath + absl::Milliseconds(1));
  WatchBrings(Token(1, absl::Hours(1)));
  EXPECT_EQ(served(), 1u);
  Pass(absl::Hours(1) - absl::Milliseconds(1));
  EXPECT_EQ(served(), 1u);
}

TEST_F(KeeperTest, ComesBackWithGrowingDelaysAndThenWatchesAgain) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(10)));
  absl::Duration longest;
  for (int attempt = 0; attempt < 30; ++attempt) {
    WatchEnds(Unreachable());
    const client::Moment from = now_;
    const size_t before = watches();
    while (watches() == before) Pass(absl::Milliseconds(100));
    longest = std::max(longest, now_ - from);
    // Half of what the policy says at the least: it never hammers.
    ASSERT_GE(now_ - from, policy_.backoff.initial * 0.5);
    ASSERT_LE(now_ - from, policy_.backoff.max * 1.5 + absl::Milliseconds(100));
  }
  EXPECT_GT(longest, policy_.backoff.max * 0.5);
  WatchBrings(Token(2));
  EXPECT_EQ(served(), 2u);
}

TEST_F(KeeperTest, AStreamThatLastedIsMadeAnewSoon) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(10)));
  for (int i = 0; i < 10; ++i) {
    Pass(absl::Minutes(5));
    WatchEnds(Refused(grpc::StatusCode::UNAVAILABLE, ErrorReason::kShuttingDown));
    const size_t before = watches();
    Pass(policy_.backoff.initial * 1.5);
    ASSERT_EQ(watches(), before + 1);
    WatchBrings(Token(1, absl::Hours(10)));
  }
}

TEST_F(KeeperTest, AStreamThatIsOldEnoughIsMadeAnewAndNobodyHears) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(10)));
  const size_t published = published_.size();
  for (size_t i = 1; i <= 10; ++i) {
    Pass(absl::Minutes(50));
    WatchEnds({.code = grpc::StatusCode::OK});
    ASSERT_EQ(watches(), i + 1);
    WatchBrings(Token(1, absl::Hours(10)));
  }
  EXPECT_EQ(published_.size(), published);
  // It is not asked without end, should it say so all the time.
  WatchEnds({.code = grpc::StatusCode::OK});
  EXPECT_EQ(watches(), 11u);
  // And one that brought nothing has failed.
  Pass(absl::Minutes(1));
  WatchEnds({.code = grpc::StatusCode::OK});
  EXPECT_EQ(watches(), 12u);
  EXPECT_EQ(served(), 1u);
}

TEST_F(KeeperTest, WaitsAsLongAsTheServerWishes) {
  Pass(absl::ZeroDuration());
  TokenError overloaded = Refused(grpc::StatusCode::RESOURCE_EXHAUSTED, ErrorReason::kOverloaded);
  overloaded.retry_delay = absl::Minutes(3);
  WatchEnds(overloaded);
  Pass(absl::Minutes(3) - absl::Milliseconds(1));
  EXPECT_EQ(watches(), 1u);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(watches(), 2u);
}

TEST_F(KeeperTest, AsksAheadOfExpiryWhereStreamsAreUnknown) {
  Pass(absl::ZeroDuration());
  WatchEnds({.code = grpc::StatusCode::UNIMPLEMENTED, .message = "unknown method"});
  EXPECT_EQ(gets(), 1u);
  EXPECT_EQ(transport_.LastGet().rejected_generation, 0u);
  GetBrings(Token(1, absl::Hours(1)));
  EXPECT_EQ(served(), 1u);

  for (uint64_t generation = 2; generation <= 5; ++generation) {
    const size_t before = gets();
    Pass(absl::Minutes(60) - kEarliestAsk - absl::Milliseconds(1));
    EXPECT_EQ(gets(), before);
    Pass(kEarliestAsk - kLatestAsk + absl::Milliseconds(1));
    ASSERT_EQ(gets(), before + 1) << "a minute ahead, more or less";
    GetBrings(Token(generation, absl::Hours(1)));
    EXPECT_EQ(served(), generation);
    // Streams are tried again once in a while.
    WatchEnds({.code = grpc::StatusCode::UNIMPLEMENTED, .message = "unknown method"});
  }
  EXPECT_GT(watches(), 3u);
  EXPECT_LT(watches(), 60u);
}

// Thousands of clients of one credential have got the same token at the same moment.
TEST_F(KeeperTest, ClientsWithTheSameTokenDoNotAskAtTheSameMoment) {
  constexpr int kClients = 1000;
  std::vector<int> asked_in_second(60);
  for (int i = 0; i < kClients; ++i) {
    FakeTransport transport;
    client::TokenKeeper keeper(
        transport, random_, [](client::Snapshot, bool) {}, policy_);
    keeper.Proceed(now_);
    keeper.OnEnd(transport.LastWatch().call, {.code = grpc::StatusCode::UNIMPLEMENTED}, now_);
    keeper.Proceed(now_);
    keeper.OnToken(transport.LastGet().call, Token(1, absl::Hours(1)), now_);
    const client::Moment expires = now_ + absl::Hours(1);
    size_t gets = transport.Count(false);
    client::Moment moment = now_;
    while (transport.Count(false) == gets) {
      const client::Moment wake = keeper.Proceed(moment);
      if (transport.Count(false) != gets) break;
      ASSERT_LE(wake, expires);
      moment = wake;
      if (transport.started().back().watch) {
        keeper.OnEnd(transport.LastWatch().call, {.code = grpc::StatusCode::UNIMPLEMENTED}, moment);
      }
    }
    const absl::Duration ahead = expires - moment;
    ASSERT_LE(ahead, kEarliestAsk);
    ASSERT_GE(ahead, kLatestAsk);
    ++asked_in_second[static_cast<size_t>(absl::ToInt64Seconds(ahead - kLatestAsk))];
  }
  // Evenly over 30 s that would be 33 each.
  EXPECT_LT(*std::max_element(asked_in_second.begin(), asked_in_second.end()), 100);
}

TEST_F(KeeperTest, AnswersThatBringNothingNewerAreAskedForLessAndLess) {
  Pass(absl::ZeroDuration());
  WatchEnds({.code = grpc::StatusCode::UNIMPLEMENTED, .message = "unknown method"});
  GetBrings(Token(1, absl::Hours(1)));
  Pass(absl::Hours(1) - kLatestAsk);
  size_t asked = gets();
  absl::Duration left = kLatestAsk;
  while (left > absl::Seconds(1)) {
    GetBrings(Token(1, left));
    const client::Moment from = now_;
    while (gets() == asked && now_ - from < left) Pass(absl::Milliseconds(100));
    left -= now_ - from;
    asked = gets();
  }
  EXPECT_LT(gets(), 20u);
}

TEST_F(KeeperTest, AStreamThatBringsNothingIsGivenUpForOneThatMight) {
  Pass(absl::ZeroDuration());
  Pass(policy_.patience);
  // The stream is still open, but a proxy holds back what is in it.
  ASSERT_EQ(gets(), 1u);
  EXPECT_EQ(watches(), 1u);
  GetBrings(Token(1));
  EXPECT_EQ(served(), 1u);
  Pass(policy_.patience);
  EXPECT_TRUE(transport_.started().front().cancelled);
  Pass(absl::Seconds(5));
  EXPECT_EQ(watches(), 2u);
}

TEST_F(KeeperTest, AStreamThatHasGoneSilentIsFoundOutAheadOfExpiry) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  Pass(absl::Hours(1) - kLatestAsk);
  ASSERT_EQ(gets(), 1u);
  GetBrings(Token(2, absl::Minutes(55)));
  EXPECT_EQ(served(), 2u);
  // The push may only be late.
  EXPECT_FALSE(transport_.LastWatch().cancelled);
  Pass(policy_.patience);
  EXPECT_TRUE(transport_.started().front().cancelled);
}

TEST_F(KeeperTest, APushThatIsOnlyLateLeavesTheStreamAlone) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  Pass(absl::Hours(1) - kLatestAsk);
  GetBrings(Token(2, absl::Hours(1)));
  WatchBrings(Token(2, absl::Hours(1)));
  Pass(absl::Minutes(30));
  EXPECT_EQ(watches(), 1u);
  EXPECT_FALSE(transport_.LastWatch().cancelled);
}

TEST_F(KeeperTest, AnAnswerOvertakenByAPushDoesNotTakeItsPlace) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  Pass(absl::Hours(1) - kLatestAsk);
  ASSERT_EQ(gets(), 1u);
  WatchBrings(Token(2, absl::Hours(1)));
  GetBrings(Token(1, absl::Minutes(1)));
  EXPECT_EQ(served(), 2u);
}

TEST_F(KeeperTest, AGetAheadOfExpiryLeavesTimeForAnother) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  Pass(absl::Hours(1) - kLatestAsk);
  EXPECT_GE(transport_.LastGet().timeout, kLatestAsk / 3);
  EXPECT_LE(transport_.LastGet().timeout, kEarliestAsk / 3);
}

TEST_F(KeeperTest, TheServersWordBeforeTheBreakIsTheReasonAfterExpiry) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  WatchEnds(Refused(grpc::StatusCode::FAILED_PRECONDITION, ErrorReason::kRefreshTokenRejected));
  EXPECT_EQ(served(), 1u) << "a dead grant's token is served while it lives";
  Pass(absl::Hours(1));
  EXPECT_EQ(served(), 0u);
  EXPECT_EQ(error().reason, ErrorReason::kRefreshTokenRejected);
}

TEST_F(KeeperTest, ATokenOfNoUseIsNotServed) {
  Pass(absl::ZeroDuration());
  WatchBrings({.token = nullptr, .expires_in = absl::Hours(1)});
  EXPECT_EQ(error().reason, ErrorReason::kUnusableToken);
  WatchBrings(Token(1, absl::ZeroDuration()));
  EXPECT_EQ(error().reason, ErrorReason::kUnusableToken);
  WatchBrings(Token(2));
  EXPECT_EQ(served(), 2u);
}

TEST_F(KeeperTest, TheSameTokenAgainIsNoNews) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  WatchEnds(Unreachable());
  Pass(absl::Seconds(5));
  WatchBrings(Token(1));
  EXPECT_EQ(news_, 1);
}

TEST_F(KeeperTest, TheSameErrorAgainIsNoNews) {
  Pass(absl::ZeroDuration());
  WatchEnds(Unreachable());
  GetEnds(Unreachable());
  Pass(absl::Seconds(5));
  WatchEnds(Unreachable());
  EXPECT_EQ(news_, 1);
}

TEST_F(KeeperTest, WhatACancelledCallStillSaysIsIgnored) {
  Pass(absl::ZeroDuration());
  const client::CallId first = transport_.LastWatch().call;
  WatchEnds(Unreachable());
  Pass(absl::Minutes(1));
  ASSERT_GT(watches(), 1u);
  WatchBrings(Token(5));
  keeper_.OnToken(first, Token(3), now_);
  keeper_.OnEnd(first, Refused(grpc::StatusCode::NOT_FOUND, ErrorReason::kCredentialNotFound),
                now_);
  Pass(absl::ZeroDuration());
  EXPECT_EQ(served(), 5u);
}

}  // namespace
}  // namespace token_service::testing
