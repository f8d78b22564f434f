// What callers report and wait for, and what the server refuses.

#include "client/core/token_keeper.h"
#include "gtest/gtest.h"
#include "tests/client/core/keeper_fixture.h"

namespace token_service::testing {
namespace {

using client::ErrorReason;
using client::TokenError;

TEST(TokenErrorTest, ARefusalIsTheServersOwnAndDoesNotPassByItself) {
  using grpc::StatusCode;
  const struct {
    StatusCode code;
    ErrorReason reason;
    bool retry;
    bool refusal;
  } cases[] = {
      {StatusCode::PERMISSION_DENIED, ErrorReason::kCredentialNotPermitted, false, true},
      {StatusCode::NOT_FOUND, ErrorReason::kCredentialNotFound, false, true},
      {StatusCode::UNAUTHENTICATED, ErrorReason::kCallerUnknown, false, true},
      {StatusCode::FAILED_PRECONDITION, ErrorReason::kRefreshTokenRejected, false, true},
      {StatusCode::INVALID_ARGUMENT, ErrorReason::kCredentialRequired, false, true},
      {StatusCode::ABORTED, ErrorReason::kOther, false, true},
      {StatusCode::FAILED_PRECONDITION, ErrorReason::kOther, true, false},
      {StatusCode::UNAVAILABLE, ErrorReason::kProviderUnavailable, true, false},
      {StatusCode::UNAVAILABLE, ErrorReason::kShuttingDown, false, false},
      {StatusCode::RESOURCE_EXHAUSTED, ErrorReason::kOverloaded, true, false},
      {StatusCode::PERMISSION_DENIED, ErrorReason::kNone, false, false},
      {StatusCode::UNIMPLEMENTED, ErrorReason::kNone, false, false},
      {StatusCode::UNAVAILABLE, ErrorReason::kTokenExpired, false, false},
      {StatusCode::FAILED_PRECONDITION, ErrorReason::kForked, false, false},
      {StatusCode::CANCELLED, ErrorReason::kClosed, false, false},
  };
  for (const auto& [code, reason, retry, refusal] : cases) {
    TokenError error = Refused(code, reason);
    if (retry) error.retry_delay = absl::Seconds(1);
    EXPECT_EQ(IsRefusal(error), refusal) << code << " " << static_cast<int>(reason);
  }
}

TEST_F(KeeperTest, WhatTheServerTakesAwayIsGoneAtOnce) {
  const ErrorReason reasons[] = {ErrorReason::kCredentialNotFound,
                                 ErrorReason::kCredentialNotPermitted,
                                 ErrorReason::kCredentialDisabled};
  Pass(absl::ZeroDuration());
  uint64_t generation = 0;
  for (const ErrorReason reason : reasons) {
    WatchBrings(Token(++generation));
    ASSERT_EQ(served(), generation);
    WatchEnds(Refused(grpc::StatusCode::PERMISSION_DENIED, reason));
    EXPECT_EQ(served(), 0u);
    EXPECT_EQ(error().reason, reason);
    // And it comes back when somebody has changed his mind.
    Pass(policy_.backoff.max * 1.5);
  }
  WatchBrings(Token(9));
  EXPECT_EQ(served(), 9u);
}

TEST_F(KeeperTest, AProxysDenialTakesNothingAway) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  WatchEnds({.code = grpc::StatusCode::PERMISSION_DENIED, .message = "HTTP 403"});
  EXPECT_EQ(served(), 1u);
}

TEST_F(KeeperTest, ARefusedCallerAsksByOneWayOnly) {
  Pass(absl::ZeroDuration());
  for (int i = 0; i < 10; ++i) {
    WatchEnds(Refused(grpc::StatusCode::PERMISSION_DENIED, ErrorReason::kCredentialNotPermitted));
    const size_t before = watches();
    while (watches() == before) Pass(absl::Milliseconds(100));
  }
  EXPECT_EQ(gets(), 0u);
  EXPECT_EQ(watches(), 11u);
}

TEST_F(KeeperTest, ARejectionIsReportedOnceHoweverOftenItIsMade) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  for (int i = 0; i < 100; ++i) keeper_.Reject(1, now_);
  Pass(absl::ZeroDuration());
  for (int i = 0; i < 100; ++i) keeper_.Reject(1, now_);
  Pass(absl::Seconds(1));
  ASSERT_EQ(gets(), 1u);
  EXPECT_EQ(transport_.LastGet().rejected_generation, 1u);
  EXPECT_EQ(served(), 1u) << "until there is another";

  GetBrings(Token(2));
  EXPECT_EQ(served(), 2u);
  keeper_.Reject(1, now_);
  Pass(absl::Seconds(1));
  EXPECT_EQ(gets(), 1u) << "it has been replaced";
}

TEST_F(KeeperTest, AReplacementMayComeByTheStreamToo) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  keeper_.Reject(1, now_);
  const auto waiting = Wait(absl::Seconds(10), 1);
  EXPECT_FALSE(waiting->outcome.has_value());
  WatchBrings(Token(2));
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_FALSE(waiting->outcome->has_value());
  GetBrings(Token(2));
  EXPECT_EQ(served(), 2u);
}

TEST_F(KeeperTest, ARefusalToReplaceIsToldToAllAndHeldAsLongAsTheServerSays) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  keeper_.Reject(1, now_);
  const auto first = Wait(absl::Seconds(10), 1);
  const auto second = Wait(absl::Seconds(10), 1);
  ASSERT_EQ(gets(), 1u);
  TokenError recently = Refused(grpc::StatusCode::UNAVAILABLE, ErrorReason::kRefreshedRecently);
  recently.retry_delay = absl::Seconds(8);
  GetEnds(recently);
  for (const auto& waiting : {first, second}) {
    ASSERT_TRUE(waiting->outcome.has_value());
    ASSERT_TRUE(waiting->outcome->has_value());
    EXPECT_EQ((*waiting->outcome)->reason, ErrorReason::kRefreshedRecently);
  }
  EXPECT_EQ(served(), 1u);

  // Whoever comes now is told the same, at no cost.
  Pass(absl::Seconds(7));
  keeper_.Reject(1, now_);
  const auto third = Wait(absl::Seconds(10), 1);
  ASSERT_TRUE(third->outcome.has_value());
  EXPECT_EQ(gets(), 1u);

  Pass(absl::Seconds(1));
  keeper_.Reject(1, now_);
  const auto fourth = Wait(absl::Seconds(10), 1);
  EXPECT_FALSE(fourth->outcome.has_value());
  EXPECT_EQ(gets(), 2u);
  GetBrings(Token(2));
  EXPECT_TRUE(fourth->outcome.has_value());
}

TEST_F(KeeperTest, ATokenThatNeitherApiNorServerStandsByIsGone) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  keeper_.Reject(1, now_);
  const auto waiting = Wait(absl::Seconds(10), 1);
  GetEnds(Refused(grpc::StatusCode::FAILED_PRECONDITION, ErrorReason::kRefreshTokenRejected));
  EXPECT_EQ(served(), 0u);
  EXPECT_EQ(error().reason, ErrorReason::kRefreshTokenRejected);
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_EQ((*waiting->outcome)->reason, ErrorReason::kRefreshTokenRejected);
}

TEST_F(KeeperTest, ARejectionThatTheServerDoesNotHearIsToldToWhoWaits) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  keeper_.Reject(1, now_);
  const auto waiting = Wait(absl::Minutes(5), 1);
  GetEnds(Unreachable());
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_EQ((*waiting->outcome)->code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(served(), 1u);
}

TEST_F(KeeperTest, AServerThatGoesOnWithTheRejectedTokenReplacesNothing) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1));
  keeper_.Reject(1, now_);
  const auto waiting = Wait(absl::Minutes(5), 1);
  GetBrings(Token(1));
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_TRUE(waiting->outcome->has_value());
}

TEST_F(KeeperTest, ARejectionTakesTheLineFromAnOrdinaryQuestion) {
  Pass(absl::ZeroDuration());
  WatchBrings(Token(1, absl::Hours(1)));
  Pass(absl::Hours(1) - absl::Seconds(45));
  ASSERT_EQ(gets(), 1u);
  const client::CallId ordinary = transport_.LastGet().call;
  keeper_.Reject(1, now_);
  Pass(absl::ZeroDuration());
  EXPECT_EQ(gets(), 2u);
  EXPECT_EQ(transport_.LastGet().rejected_generation, 1u);
  keeper_.OnEnd(ordinary, {.code = grpc::StatusCode::CANCELLED}, now_);
  GetBrings(Token(2));
  EXPECT_EQ(served(), 2u);
}

TEST_F(KeeperTest, AWaiterAtTheStartOutwaitsAServerThatIsNotThereYet) {
  Pass(absl::ZeroDuration());
  const auto waiting = Wait(absl::Minutes(5));
  WatchEnds(Unreachable());
  GetEnds(Unreachable());
  Pass(absl::Minutes(1));
  EXPECT_FALSE(waiting->outcome.has_value());
  WatchBrings(Token(1));
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_FALSE(waiting->outcome->has_value());
}

TEST_F(KeeperTest, AWaiterIsToldTheLastErrorWhenItsTimeIsUp) {
  Pass(absl::ZeroDuration());
  const auto waiting = Wait(absl::Seconds(3));
  WatchEnds(Unreachable());
  Pass(absl::Seconds(3) - absl::Milliseconds(1));
  EXPECT_FALSE(waiting->outcome.has_value());
  Pass(absl::Milliseconds(1));
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_EQ((*waiting->outcome)->message, "connection refused");
}

TEST_F(KeeperTest, AWaiterWhomNobodyAnsweredIsToldThat) {
  Pass(absl::ZeroDuration());
  const auto waiting = Wait(absl::Seconds(3));
  Pass(absl::Seconds(3));
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_EQ((*waiting->outcome)->code, grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(KeeperTest, AWaiterIsNotKeptWhenTheServerRefuses) {
  Pass(absl::ZeroDuration());
  const auto waiting = Wait(absl::Minutes(5));
  WatchEnds(Refused(grpc::StatusCode::NOT_FOUND, ErrorReason::kCredentialNotFound));
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_EQ((*waiting->outcome)->reason, ErrorReason::kCredentialNotFound);
}

TEST_F(KeeperTest, WhoWaitsWhenAllIsOverIsTold) {
  Pass(absl::ZeroDuration());
  const auto waiting = Wait(absl::Minutes(5));
  keeper_.Close({.code = grpc::StatusCode::CANCELLED, .reason = ErrorReason::kClosed});
  ASSERT_TRUE(waiting->outcome.has_value());
  EXPECT_EQ((*waiting->outcome)->reason, ErrorReason::kClosed);
}

}  // namespace
}  // namespace token_service::testing
