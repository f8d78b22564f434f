#include "server/broker/token_issuer.h"

#include <gtest/gtest.h>

#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

class TokenIssuerTest : public BrokerTest {
 protected:
  TokenIssuerTest() { Create("alpha"); }

  // A token of an age, which refresh ahead has not replaced.
  void StartWithTokenOfAge(absl::Duration age) {
    StartAndRun();
    Hang(age);
  }
};

// ---- cold

TEST_F(TokenIssuerTest, ACachedTokenIsServedAtOnce) {
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

// Too young to be replaced ahead, and a moment before its end.
TEST_F(TokenIssuerTest, WhosePreferredTokenEndsWhileItIsLookedAtGetsTheNextOne) {
  for (int read = 1; read <= 5; ++read) {
    provider_.SetLifetime(absl::Milliseconds(500));
    StartAndRun();
    const std::string current = Get().outcome();
    clock_.Advance(absl::Milliseconds(480));
    clock_.AdvanceAtRead(read, absl::Milliseconds(30));
    Caller& caller = Get();
    Run();
    EXPECT_TRUE(caller.outcome() == current || caller.outcome().starts_with("token "))
        << caller.outcome() << ", at read " << read;
    clock_.Advance(absl::Seconds(1));
  }
}

TEST_F(TokenIssuerTest, AnUnknownCredentialIsNotFound) {
  StartAndRun();
  EXPECT_EQ(Get("beta").outcome(), "CREDENTIAL_NOT_FOUND");
  Caller caller;
  issuer().Wait({.credential = "beta"}, &caller);
  EXPECT_EQ(caller.outcome(), "CREDENTIAL_NOT_FOUND");
}

TEST_F(TokenIssuerTest, TenThousandColdCallersShareOneExchange) {
  Start();
  for (int i = 0; i < 10000; ++i) Get();
  EXPECT_EQ(issuer().waiting(), 10000);
  Run();
  for (const auto& caller : callers_) EXPECT_EQ(caller->outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(issuer().waiting(), 0);
}

TEST_F(TokenIssuerTest, CallersWhoArriveDuringTheExchangeJoinIt) {
  Start();
  Caller* late = nullptr;
  provider_.Meanwhile([&] { late = &Get(); });
  Run();
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(TokenIssuerTest, TheFlightServesTheOthersWhenTheFirstCallerLeaves) {
  Start();
  Caller& first = Get();
  Caller& second = Get();
  EXPECT_TRUE(issuer().Leave("alpha", &first));
  Run();
  EXPECT_EQ(first.outcome(), "waiting");
  EXPECT_EQ(second.outcome(), "token 1");
}

TEST_F(TokenIssuerTest, AnAnswerThatArrivesAfterTheLastCallerLeftIsKept) {
  Start();
  Caller& only = Get();
  provider_.Meanwhile([&] { EXPECT_TRUE(issuer().Leave("alpha", &only)); });
  Run();
  EXPECT_EQ(only.outcome(), "waiting");
  EXPECT_EQ(Record().generation, 1);
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(TokenIssuerTest, LeavingAfterTheAnswerSaysSo) {
  Start();
  Caller& caller = Get();
  Run();
  EXPECT_FALSE(issuer().Leave("alpha", &caller));
}

TEST_F(TokenIssuerTest, AWaiterMayBeDeletedWithinItsAnswer) {
  struct Fleeting final : broker::TokenIssuer::Waiter {
    explicit Fleeting(int& n) : answers(n) {}
    void OnAnswer(broker::TokenAnswer) override {
      ++answers;
      delete this;
    }
    int& answers;
  };
  Start();
  int answers = 0;
  issuer().Wait({.credential = "alpha"}, new Fleeting(answers));
  issuer().Wait({.credential = "alpha"}, new Fleeting(answers));
  Run();
  EXPECT_EQ(answers, 2);
}

// ---- min_validity

TEST_F(TokenIssuerTest, MoreValidityThanATokenCanHaveCostsNoPost) {
  StartAndRun();
  EXPECT_EQ(GetValidFor(absl::Hours(1) - absl::Seconds(9)).outcome(), "VALIDITY_UNAVAILABLE");
  EXPECT_EQ(GetValidFor(absl::InfiniteDuration()).outcome(), "VALIDITY_UNAVAILABLE");
  Run();
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(TokenIssuerTest, ColdTheLifetimeIsLearntFirst) {
  Start();
  Caller& caller = GetValidFor(absl::Hours(2));
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "VALIDITY_UNAVAILABLE");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(TokenIssuerTest, TheMostValidityThatCanBeAskedForIsHad) {
  StartWithTokenOfAge(absl::Seconds(11));
  Caller& caller = GetValidFor(absl::Hours(1) - absl::Seconds(10));
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

TEST_F(TokenIssuerTest, ATokenThatLastsLongEnoughIsServedAtOnce) {
  StartWithTokenOfAge(absl::Minutes(30));
  EXPECT_EQ(GetValidFor(absl::Minutes(30)).outcome(), "token 1");
}

TEST_F(TokenIssuerTest, OneThatDoesNotIsReplacedFirst) {
  StartWithTokenOfAge(absl::Minutes(30));
  Caller& caller = GetValidFor(absl::Minutes(31));
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

TEST_F(TokenIssuerTest, APromiseThatCannotBeKeptIsRefusedAndOthersAreServed) {
  StartWithTokenOfAge(absl::Minutes(30));
  provider_.Next(NotReached());
  Caller& strict = GetValidFor(absl::Minutes(31));
  Run();
  EXPECT_EQ(strict.outcome(), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(strict.retry_after(), absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(GetValidFor(absl::Minutes(29)).outcome(), "token 1");
}

TEST_F(TokenIssuerTest, AZeroPromiseIsKeptToTheEnd) {
  StartWithTokenOfAge(absl::Hours(1) - absl::Milliseconds(1));
  EXPECT_EQ(GetValidFor(absl::ZeroDuration()).outcome(), "token 1");
  Hang(absl::Milliseconds(1));
  EXPECT_EQ(GetValidFor(absl::ZeroDuration()).outcome(), "waiting");
}

// ---- rejected_generation

TEST_F(TokenIssuerTest, AnOldGenerationsRejectionGetsTheCurrentToken) {
  StartWithTokenOfAge(absl::Minutes(5));
  Reject(1);
  Run();
  EXPECT_EQ(Reject(1).outcome(), "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(TokenIssuerTest, ManyRejectionsOfTheCurrentTokenAreOneRefresh) {
  StartWithTokenOfAge(absl::Minutes(5));
  for (int i = 0; i < 100; ++i) Reject(1);
  Run();
  for (const auto& caller : callers_) EXPECT_EQ(caller->outcome(), "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(TokenIssuerTest, ATokenOnlyJustReplacedIsNotReplacedAgain) {
  StartWithTokenOfAge(absl::Seconds(4));
  Caller& caller = Reject(1);
  EXPECT_EQ(caller.outcome(), "REFRESHED_RECENTLY");
  EXPECT_EQ(caller.retry_after(), absl::Seconds(6));
  Hang(absl::Seconds(6));
  Caller& later = Reject(1);
  Run();
  EXPECT_EQ(later.outcome(), "token 2");
}

TEST_F(TokenIssuerTest, ARejectionJoinsTheRefreshUnderWay) {
  StartWithTokenOfAge(absl::Minutes(52));  // Refresh ahead is out.
  Caller& caller = Reject(1);
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(TokenIssuerTest, AGenerationToComeIsNoRejection) {
  StartAndRun();
  EXPECT_EQ(Reject(7).outcome(), "token 1");
}

TEST_F(TokenIssuerTest, ARejectionThatCannotBeMetIsRefusedAndOthersAreServed) {
  StartWithTokenOfAge(absl::Minutes(5));
  provider_.Next(NotReached());
  Caller& caller = Reject(1);
  Run();
  EXPECT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(Get().outcome(), "token 1");
}

// ---- preference

TEST_F(TokenIssuerTest, AnEndingTokensCallerGetsTheFresherOneIfItComesSoon) {
  StartWithTokenOfAge(absl::Minutes(59.5));
  Caller& caller = Get();
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

TEST_F(TokenIssuerTest, AnEndingTokensCallerWaitsNoLongerThanThePreferenceIsWorth) {
  StartWithTokenOfAge(absl::Minutes(59.5));
  Caller& caller = Get();
  Hang(absl::Milliseconds(499));
  EXPECT_EQ(caller.outcome(), "waiting");
  Hang(absl::Milliseconds(1));
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(issuer().waiting(), 0);
}

TEST_F(TokenIssuerTest, AnEndingTokenIsServedAtOnceWhenTheRefreshFails) {
  StartWithTokenOfAge(absl::Minutes(59.5));
  provider_.Next(NotReached());
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(Get().outcome(), "token 1") << "in backoff nobody waits";
}

TEST_F(TokenIssuerTest, ACallerWhoseTokenEndsWhileItWaitsGoesOnWaitingForTheNext) {
  StartWithTokenOfAge(absl::Hours(1) - absl::Milliseconds(100));
  Caller& caller = Get();
  Hang(absl::Milliseconds(500));
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

// ---- limits and the end

TEST_F(TokenIssuerTest, TooManyWaitingCallersAreRefusedAndNoneLeaks) {
  options_.issuer.max_waiting = 2;
  Start();
  Caller& first = Get();
  Get();
  Caller& third = Get();
  EXPECT_EQ(third.outcome(), "OVERLOADED");
  EXPECT_TRUE(third.retry_after().has_value());
  issuer().Leave("alpha", &first);
  Caller& fourth = Get();
  EXPECT_EQ(fourth.outcome(), "waiting");
  Run();
  EXPECT_EQ(fourth.outcome(), "token 1");
  EXPECT_EQ(issuer().waiting(), 0);
}

// Somebody whose permission may be withdrawn.
class Reviewed final : public broker::TokenIssuer::Waiter {
 public:
  void OnAnswer(broker::TokenAnswer answer) override {
    ++answers;
    served = std::holds_alternative<broker::AccessTokenPtr>(answer);
  }
  bool MayWait() override { return may_wait; }

  bool may_wait = true;
  bool served = false;
  int answers = 0;
};

TEST_F(TokenIssuerTest, AReviewRefusesThoseWhoMayWaitNoMoreAndNobodyElse) {
  Start();
  Reviewed goes, stays;
  issuer().Wait({.credential = "alpha", .caller = 1}, &goes);
  issuer().Wait({.credential = "alpha", .caller = 2}, &stays);
  goes.may_wait = false;
  issuer().ReviewAll();
  EXPECT_EQ(goes.answers, 1);
  EXPECT_FALSE(goes.served);
  EXPECT_EQ(stays.answers, 0);
  EXPECT_EQ(issuer().waiting(), 1);
  Run();
  EXPECT_EQ(stays.answers, 1);
  EXPECT_TRUE(stays.served);
  EXPECT_EQ(goes.answers, 1);
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(TokenIssuerTest, OneWhoHasManyWaitingLeavesRoomForOthers) {
  options_.issuer.max_waiting = 8;
  Start();
  std::vector<std::unique_ptr<Reviewed>> greedy;
  for (int i = 0; i < 8; ++i) {
    greedy.push_back(std::make_unique<Reviewed>());
    issuer().Wait({.credential = "alpha", .caller = 1}, greedy.back().get());
  }
  EXPECT_EQ(issuer().waiting(), 6);
  EXPECT_EQ(greedy[6]->answers + greedy[7]->answers, 2);
  Reviewed modest;
  issuer().Wait({.credential = "alpha", .caller = 2}, &modest);
  EXPECT_EQ(modest.answers, 0);
  EXPECT_TRUE(issuer().Leave("alpha", greedy[0].get()));
  Run();
  EXPECT_TRUE(modest.served);
  EXPECT_EQ(issuer().waiting(), 0);
}

TEST_F(TokenIssuerTest, OverloadDoesNotConcernWhoCanDoWithTheLiveToken) {
  options_.issuer.max_waiting = 0;
  StartWithTokenOfAge(absl::Minutes(59.5));
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(GetValidFor(absl::Minutes(1)).outcome(), "OVERLOADED");
}

TEST_F(TokenIssuerTest, AfterShutdownNobodyWaitsAndTheCacheStillServes) {
  Create("beta");
  Start();
  process_->executor.RunOne();
  issuer().Shutdown();
  EXPECT_EQ(Get("alpha").outcome(), "token 1");
  EXPECT_EQ(Get("beta").outcome(), "SHUTTING_DOWN");
}

TEST_F(TokenIssuerTest, WhoeverStillWaitsIsRefusedAtTheEnd) {
  Start();
  Caller& caller = Get();
  issuer().Shutdown();
  EXPECT_EQ(caller.outcome(), "waiting");
  issuer().RefuseWaiting();
  EXPECT_EQ(caller.outcome(), "SHUTTING_DOWN");
  EXPECT_EQ(issuer().waiting(), 0);
  Run();
}

TEST_F(TokenIssuerTest, WhoeverPrefersAFresherTokenGetsTheLiveOneAtTheEnd) {
  StartWithTokenOfAge(absl::Minutes(59.5));
  Caller& caller = Get();
  issuer().Shutdown();
  issuer().RefuseWaiting();
  EXPECT_EQ(caller.outcome(), "token 1");
}

TEST_F(TokenIssuerTest, RemovalAnswersTheWaitingWithNotFound) {
  Start();
  Caller& caller = Get();
  scheduler().Remove("alpha");
  EXPECT_EQ(caller.outcome(), "CREDENTIAL_NOT_FOUND");
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_NOT_FOUND");
  Run();
}

// ---- lifetimes out of the ordinary

TEST_F(TokenIssuerTest, TokensSpentOnArrivalCostAFewPostsACallerAndAreNotServed) {
  provider_.SetLifetime(absl::Seconds(1));
  provider_.SetRule([this](const auto&) {
    clock_.Advance(absl::Seconds(2));
    return std::nullopt;
  });
  Start();
  Caller& caller = Get();
  for (int i = 0; i < 10 && !caller.answered(); ++i) process_->executor.RunOne();
  EXPECT_EQ(caller.outcome(), "REFRESHED_RECENTLY");
  EXPECT_TRUE(caller.retry_after().has_value());
  EXPECT_LE(provider_.count(), 3);
}

TEST_F(TokenIssuerTest, ATokenOfOneSecondIsServedForThatSecond) {
  provider_.SetLifetime(absl::Seconds(1));
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 1");
  Hang(absl::Milliseconds(899));
  EXPECT_EQ(Get().outcome(), "token 1");
  Hang(absl::Milliseconds(101));
  EXPECT_EQ(Get().outcome(), "waiting");
}

// ---- operators

TEST_F(TokenIssuerTest, AnOperatorGetsANewTokenHoweverYoungTheOldOne) {
  StartAndRun();
  Caller& caller = OperatorRefresh();
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

TEST_F(TokenIssuerTest, AnOperatorIsToldOfTheFailureAlthoughATokenLives) {
  StartAndRun();
  provider_.Next(Throttled());
  Caller& caller = OperatorRefresh();
  Run();
  EXPECT_EQ(caller.outcome(), "PROVIDER_THROTTLED");
}

TEST_F(TokenIssuerTest, AnOperatorOverridesTheBackoff) {
  provider_.Next(Throttled(absl::Hours(1)));
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "PROVIDER_THROTTLED");
  Caller& caller = OperatorRefresh();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
}

TEST_F(TokenIssuerTest, AnOperatorJoinsTheRefreshUnderWay) {
  Start();
  Caller& caller = OperatorRefresh();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

}  // namespace
}  // namespace token_service::testing
