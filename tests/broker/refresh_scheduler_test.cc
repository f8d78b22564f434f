#include "server/broker/refresh_scheduler.h"

#include <gtest/gtest.h>

#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;
using broker::CredentialState;

class RefreshSchedulerTest : public BrokerTest {
 protected:
  RefreshSchedulerTest() { Create("alpha"); }

  // Alpha's, for another endpoint.
  std::shared_ptr<CredentialSettings> SettingsElsewhere() const {
    auto settings = CopyOfSettings("alpha");
    settings->token_endpoint = std::string(kOtherEndpoint);
    return settings;
  }
};

broker::ExchangeOutcome ThrottledAtLength() { return Throttled(absl::Seconds(200)); }
broker::ExchangeOutcome ThrottledBriefly() { return Throttled(absl::Milliseconds(300)); }

// ---- ahead of expiry

TEST_F(RefreshSchedulerTest, ATokenIsRefreshedOnceAheadOfItsExpiry) {
  StartAndRun();
  Elapse(absl::Minutes(44));
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Minutes(8));
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(RefreshSchedulerTest, OneExchangeALifetimeInTheLongRun) {
  StartAndRun();
  Elapse(absl::Hours(100));
  // A token serves for 75 % to 85 % of an hour.
  EXPECT_GE(provider_.count(), 117);
  EXPECT_LE(provider_.count(), 135);
}

TEST_F(RefreshSchedulerTest, ARestartCostsTheProviderNothingWhileTheTokenIsGood) {
  StartAndRun();
  Elapse(absl::Minutes(30));
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefreshSchedulerTest, ARestartWithASpentTokenRefreshes) {
  StartAndRun();
  clock_.Advance(absl::Hours(2));
  Start();
  Caller& caller = Get();
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

TEST_F(RefreshSchedulerTest, AWallClockSetForwardWhileRunningChangesNothing) {
  StartAndRun();
  clock_.JumpWall(absl::Hours(1));
  Elapse(absl::Minutes(40));
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(RefreshSchedulerTest, AWallClockSetBackWhileRunningLengthensNoLife) {
  StartAndRun();
  ProviderIs(NotReached);
  clock_.JumpWall(-absl::Hours(1));
  Elapse(absl::Hours(1) - absl::Milliseconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
  Elapse(absl::Milliseconds(1));
  EXPECT_EQ(Get().outcome(), "PROVIDER_UNAVAILABLE");
}

TEST_F(RefreshSchedulerTest, AWallClockSetForwardOverARestartChangesNothing) {
  StartAndRun();
  clock_.JumpWall(absl::Hours(2));
  Start();
  Elapse(absl::Minutes(40));
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(RefreshSchedulerTest, AWallClockSetForwardOverARebootCostsOneRefresh) {
  StartAndRun();
  clock_.Reboot();
  clock_.JumpWall(absl::Hours(2));
  Start();
  Elapse(absl::Minutes(40));
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(RefreshSchedulerTest, AWallClockSetBackOverARestartServesNoSpentToken) {
  StartAndRun();
  clock_.Advance(absl::Hours(1) + absl::Seconds(1));
  clock_.JumpWall(-absl::Hours(2));
  Start();
  EXPECT_EQ(Get().outcome(), "waiting");
  Elapse(absl::Minutes(40));
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(RefreshSchedulerTest, ALifetimeOfASecondIsRefreshedOnceASecondOrSo) {
  provider_.SetLifetime(absl::Seconds(1));
  StartAndRun();
  Elapse(absl::Seconds(100));
  EXPECT_GE(provider_.count(), 110);
  EXPECT_LE(provider_.count(), 136);
}

TEST_F(RefreshSchedulerTest, ALifetimeOfTenYearsIsNotRefreshedForSeven) {
  provider_.SetLifetime(absl::Hours(10 * 8760));
  StartAndRun();
  Elapse(absl::Hours(7 * 8760));
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Hours(2 * 8760));
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(RefreshSchedulerTest, TokensWithoutALifeAreNotAStorm) {
  provider_.SetLifetime(absl::ZeroDuration());
  StartAndRun();
  Elapse(absl::Seconds(10));
  EXPECT_LE(provider_.count(), 21);
}

// ---- after a failure

TEST_F(RefreshSchedulerTest, RetriesComeFurtherAndFurtherApart) {
  ProviderIs([] { return Throttled(); });
  StartAndRun();
  Elapse(absl::Seconds(10));
  std::vector<absl::Duration> gaps;
  const auto posts = provider_.posts();
  for (size_t i = 1; i < posts.size(); ++i) gaps.push_back(posts[i].at - posts[i - 1].at);
  EXPECT_EQ(gaps, (std::vector<absl::Duration>{absl::Seconds(1), absl::Seconds(1.6),
                                               absl::Seconds(2.56), absl::Seconds(4.096)}));
}

TEST_F(RefreshSchedulerTest, ARetryAfterLongerThanTheBackoffIsObeyed) {
  ProviderIs(ThrottledAtLength);
  StartAndRun();
  Caller& caller = Get();
  EXPECT_EQ(caller.outcome(), "PROVIDER_THROTTLED");
  EXPECT_EQ(caller.retry_after(), absl::Seconds(200));
  Elapse(absl::Seconds(199));
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Seconds(1));
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(RefreshSchedulerTest, ARetryAfterShorterThanTheBackoffIsNot) {
  ProviderIs(ThrottledBriefly);
  StartAndRun();
  EXPECT_EQ(Get().retry_after(), absl::Seconds(1));
  Elapse(absl::Seconds(0.9));
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefreshSchedulerTest, CallersDuringABackoffHaveTheStoredStatusAtOnceAndCostNothing) {
  ProviderIs(NotReached);
  StartAndRun();
  Elapse(absl::Seconds(0.5));
  for (int i = 0; i < 100; ++i) {
    Caller& caller = Get();
    EXPECT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
    EXPECT_EQ(caller.retry_after(), absl::Seconds(0.5));
  }
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(State(), CredentialState::kBackingOff);
}

TEST_F(RefreshSchedulerTest, ASuccessForgetsTheFailures) {
  ProviderIs(NotReached);
  StartAndRun();
  Elapse(absl::Seconds(3));
  EXPECT_EQ(Status().consecutive_failures, 3);
  EXPECT_EQ(Status().last_error_reason, "PROVIDER_UNAVAILABLE");
  ProviderIsWell();
  Elapse(absl::Seconds(3));
  EXPECT_EQ(Status().consecutive_failures, 0);
  EXPECT_EQ(Status().last_error_reason, "");
  EXPECT_EQ(State(), CredentialState::kActive);
}

TEST_F(RefreshSchedulerTest, AProvidersOutageIsNotOursWhileATokenLives) {
  StartAndRun();
  ProviderIs(NotReached);
  for (int minute = 0; minute < 60; ++minute) {
    EXPECT_EQ(Get().outcome(), "token 1");
    Elapse(absl::Minutes(1));
  }
  EXPECT_EQ(Get().outcome(), "PROVIDER_UNAVAILABLE");
}

TEST_F(RefreshSchedulerTest, AnOutageOfAnHourCostsFewPostsAndEndsWithTheFirstThatWorks) {
  ProviderIs(NotReached);
  StartAndRun();
  for (int second = 0; second < 3600; ++second) {
    Caller& caller = Get();
    ASSERT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
    ASSERT_TRUE(caller.retry_after().has_value());
    Elapse(absl::Seconds(1));
  }
  const size_t posts = provider_.count();
  EXPECT_LE(posts, 45);
  ProviderIsWell();
  Elapse(absl::Seconds(121));
  EXPECT_EQ(provider_.count(), posts + 1);
  EXPECT_EQ(Get().outcome(), "token 1");
}

// ---- the client refused

TEST_F(RefreshSchedulerTest, ARejectedClientIsTriedAgainEveryTenMinutes) {
  ProviderIs(ClientRejected);
  StartAndRun();
  EXPECT_EQ(State(), CredentialState::kClientRejected);
  Elapse(absl::Minutes(10) - absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "CLIENT_REJECTED");
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Seconds(1));
  EXPECT_EQ(provider_.count(), 2);
  ProviderIsWell();
  Elapse(absl::Minutes(10));
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(RefreshSchedulerTest, NewSettingsEndTheClientsRejection) {
  provider_.Next(ClientRejected());
  StartAndRun();
  Update(CopyOfSettings("alpha"));
  Run();
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(RefreshSchedulerTest, AnOperatorOverridesTheClientsRejection) {
  provider_.Next(ClientRejected());
  StartAndRun();
  Caller& caller = OperatorRefresh();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
}

TEST_F(RefreshSchedulerTest, ARejectionOfTheSettingsOfBeforeDoesNotLatchTheNewOnes) {
  StartAndRun();
  Elapse(absl::Minutes(5));
  provider_.Next([this] {
    Update(CopyOfSettings("alpha"));
    return ClientRejected();
  });
  Caller& caller = Reject(1);
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

// ---- settings that change, credentials that go

// The store has the new settings first.
TEST_F(RefreshSchedulerTest, WhatIsBegunBetweenTheStoresSettingsAndOursWaitsForThem) {
  Start();
  auto settings = SettingsElsewhere();
  Store(*settings);
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "waiting");
  EXPECT_EQ(provider_.count(), 0);
  EXPECT_EQ(Status().consecutive_failures, 0u);
  scheduler().Update(settings);
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(provider_.posts().back().endpoint, kOtherEndpoint);
}

TEST_F(RefreshSchedulerTest, AnOperatorsRefreshWaitsForThemToo) {
  StartAndRun();
  auto settings = SettingsElsewhere();
  Store(*settings);
  Caller& caller = OperatorRefresh();
  scheduler().Update(settings);
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(provider_.posts().back().endpoint, kOtherEndpoint);
}

TEST_F(RefreshSchedulerTest, NewSettingsThatNeverComeAreAskedForNowAndThen) {
  Start();
  Store(*SettingsElsewhere());
  Get();
  Elapse(absl::Seconds(10));
  EXPECT_EQ(provider_.count(), 0);
  Store(*CopyOfSettings("alpha"));
  Elapse(absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
}

// Of the name that it was refreshed under another is stored now.
TEST_F(RefreshSchedulerTest, ANamesakesRefreshTokenIsNotSent) {
  StartAndRun();
  Elapse(absl::Minutes(1));
  ASSERT_TRUE(memory_.Delete("alpha").ok());
  // The refresh token "alpha/0" is spent already.
  broker::CredentialRecord another;
  another.name = "alpha";
  another.profile.token_endpoint = settings_.at("alpha")->token_endpoint;
  another.refresh_token = Secret(std::string_view("another's"));
  another.create_time = clock_.WallNow();
  ASSERT_TRUE(memory_.Create(another).ok());
  Caller& caller = Reject(1);
  Run();
  EXPECT_EQ(caller.outcome(), "CREDENTIAL_NOT_FOUND");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefreshSchedulerTest, NewSettingsHoldForTheNextExchange) {
  StartAndRun();
  Update(SettingsElsewhere());
  Elapse(absl::Hours(1));
  EXPECT_EQ(provider_.posts().back().endpoint, kOtherEndpoint);
}

TEST_F(RefreshSchedulerTest, NewSettingsDuringAFlightHoldForTheNextOne) {
  provider_.Next([this] {
    Update(SettingsElsewhere());
    return NotReached();
  });
  Start();
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "PROVIDER_UNAVAILABLE");
  Elapse(absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.posts().back().endpoint, kOtherEndpoint);
}

TEST_F(RefreshSchedulerTest, NewSettingsWhileQueuedKeepTheCallersPlace) {
  options_.scheduler.per_endpoint = 1;
  Create("beta");
  StartAndRun();
  Hang(absl::Minutes(5));
  OperatorRefresh("beta");  // Occupies the endpoint.
  Caller& caller = Reject(1);
  auto settings = CopyOfSettings("alpha");
  settings->purpose = "another";
  Update(std::move(settings));
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

TEST_F(RefreshSchedulerTest, NewSettingsWhileQueuedMayMoveToAFreeEndpoint) {
  options_.scheduler.per_endpoint = 1;
  Create("beta");
  Start();
  Caller& caller = Get("beta");
  EXPECT_EQ(process_->executor.pending(), 1);
  auto settings = CopyOfSettings("beta");
  settings->token_endpoint = std::string(kOtherEndpoint);
  Update(std::move(settings));
  EXPECT_EQ(process_->executor.pending(), 2);
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(provider_.count("beta"), 1);
}

TEST_F(RefreshSchedulerTest, ARemovedCredentialsFlightEndsUnseen) {
  provider_.Meanwhile([this] {
    scheduler().Remove("alpha");
    ASSERT_TRUE(memory_.Delete("alpha").ok());
  });
  Start();
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "CREDENTIAL_NOT_FOUND");
  EXPECT_FALSE(scheduler().Status("alpha").has_value());
  Elapse(absl::Hours(10));
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefreshSchedulerTest, ACredentialRemovedBeforeItsFlightHasBegunIsNotExchanged) {
  Start();
  ASSERT_EQ(process_->executor.pending(), 1);
  scheduler().Remove("alpha");
  Run();
  EXPECT_EQ(provider_.count(), 0);
}

TEST_F(RefreshSchedulerTest, ARemovedCredentialLeavesItsPlaceInTheQueue) {
  options_.scheduler.per_endpoint = 1;
  Create("beta");
  Start();
  Caller& caller = Get("beta");
  scheduler().Remove("beta");
  EXPECT_EQ(caller.outcome(), "CREDENTIAL_NOT_FOUND");
  Run();
  EXPECT_EQ(provider_.count("beta"), 0);
  EXPECT_TRUE(scheduler().Drain(absl::ZeroDuration()));
}

TEST_F(RefreshSchedulerTest, ANameMayComeBack) {
  StartAndRun();
  scheduler().Remove("alpha");
  ASSERT_TRUE(memory_.Delete("alpha").ok());
  // The refresh token "alpha/0" is spent already.
  broker::CredentialRecord another;
  another.name = "alpha";
  another.profile.token_endpoint = settings_.at("alpha")->token_endpoint;
  another.refresh_token = Secret(std::string_view("again"));
  another.create_time = clock_.WallNow();
  ASSERT_TRUE(memory_.Create(another).ok());
  scheduler().Add(settings_.at("alpha"), Record());
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(caller.access_token(), "access-2");
}

TEST_F(RefreshSchedulerTest, StatusTellsWhenTheNextRefreshIs) {
  StartAndRun();
  const auto next = Status().next_refresh_time;
  ASSERT_TRUE(next.has_value());
  EXPECT_GE(*next, clock_.WallNow() + absl::Minutes(45));
  EXPECT_LE(*next, clock_.WallNow() + absl::Minutes(51));
  EXPECT_EQ(Status().generation, 1);
  EXPECT_EQ(Status().last_refresh_time, clock_.WallNow());
}

TEST_F(RefreshSchedulerTest, ADemandThatKnowsOnlyAnOlderTokenIsSuperseded) {
  StartAndRun();
  const auto answer = scheduler().Demand("alpha", Need::kNow, 0);
  EXPECT_TRUE(std::holds_alternative<broker::RefreshScheduler::Superseded>(answer));
  EXPECT_EQ(process_->executor.pending(), 0);
}

TEST_F(RefreshSchedulerTest, AnUnknownNameHasNoStatusAndNoDemands) {
  Start();
  EXPECT_FALSE(scheduler().Status("beta").has_value());
  const auto answer = scheduler().Demand("beta", Need::kNow, 0);
  EXPECT_TRUE(std::holds_alternative<broker::Refusal>(answer));
  scheduler().Remove("beta");
  scheduler().OnGrantReplaced("beta", broker::RefreshScheduler::Hold::kEnds);
  Run();
}

}  // namespace
}  // namespace token_service::testing
