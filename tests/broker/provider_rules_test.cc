// What a provider's rules and words change of when the broker asks, and of what it believes.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;
using broker::CredentialState;
using broker::ExchangeOutcome;
using broker::GrantState;
using broker::Reason;

ExchangeOutcome Busy() { return broker::Unspent{Reason::kProviderBusy, "HTTP 400", {}}; }
ExchangeOutcome StillGood() { return broker::Extended{absl::Hours(2)}; }
ExchangeOutcome StillAsGood() { return broker::Extended{}; }
ExchangeOutcome SaysNo() {
  broker::GrantDead dead{"HTTP 400, invalid_grant"};
  dead.said = {.http_status = 400, .code = "invalid_grant", .description = "it was revoked"};
  return dead;
}

class ProviderRulesTest : public BrokerTest {};

// ---- busy, too early

TEST_F(ProviderRulesTest, WhileTheProviderIsBusyTheTokenIsServedOnAndTheCredentialIsWell) {
  Create("alpha");
  StartAndRun();
  ProviderIs(Busy);
  Elapse(absl::Minutes(52));
  ASSERT_GE(provider_.count(), 2u);
  EXPECT_EQ(State(), CredentialState::kActive);
  EXPECT_EQ(Status().last_error_reason, "PROVIDER_BUSY");
  EXPECT_EQ(Get().outcome(), "token 1");
  Elapse(absl::Minutes(9));
  EXPECT_EQ(State(), CredentialState::kBackingOff) << "now there is nothing to serve";
  EXPECT_EQ(Get().outcome(), "PROVIDER_BUSY");
  EXPECT_TRUE(callers_.back()->retry_after().has_value());
  ProviderIsWell();
  Elapse(absl::Minutes(5));
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(Record().grant, GrantState::kUsable);
}

// However long the backoff has become: 3,600 s end at 3,599 s of ours, the last twentieth begins
// 180 s before.
TEST_F(ProviderRulesTest, ItIsAskedInTheLastTwentiethOfTheLife) {
  options_.scheduler.backoff.max = absl::Hours(1);
  options_.scheduler.backoff.initial = absl::Hours(1);
  Create("alpha");
  StartAndRun();
  const MonotonicTime issued = clock_.Now();
  ProviderIs(Busy);
  Elapse(absl::Minutes(52));
  const size_t before = provider_.count();
  Elapse(absl::Minutes(57) - (clock_.Now() - issued) - absl::Seconds(2));
  EXPECT_EQ(provider_.count(), before);
  Elapse(absl::Seconds(4));
  EXPECT_EQ(provider_.count(), before + 1);
}

TEST_F(ProviderRulesTest, WhoWantsToBeAskedLateIsAskedSoLongBeforeTheEnd) {
  Create("alpha", [](CredentialSettings& s) { s.refresh_before = absl::Seconds(30); });
  StartAndRun();
  Elapse(absl::Minutes(59) + absl::Seconds(25));
  EXPECT_EQ(provider_.count(), 1u) << "not at 80 % of its life, nor for a caller's preference";
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1u);
  Elapse(absl::Seconds(12));
  EXPECT_EQ(provider_.count(), 2u);
}

TEST_F(ProviderRulesTest, ItMayWantThatOfAShortLifeToo) {
  provider_.SetLifetime(absl::Seconds(20));
  Create("alpha", [](CredentialSettings& s) { s.refresh_before = absl::Hours(1); });
  StartAndRun();
  Elapse(absl::Seconds(9));
  EXPECT_EQ(provider_.count(), 1u) << "never more than half of it";
  Elapse(absl::Seconds(4));
  EXPECT_EQ(provider_.count(), 2u);
}

// ---- extended

TEST_F(ProviderRulesTest, AnExtendedTokenLivesOn) {
  Create("alpha");
  StartAndRun();
  const std::string token = Get().access_token();
  provider_.Next(StillGood());
  Elapse(absl::Minutes(52));
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(callers_.back()->access_token(), token);
  EXPECT_EQ(Status().token->lifetime, absl::Hours(2) - absl::Seconds(1));
  EXPECT_EQ(RefreshTokenOnRecord(), "alpha/1") << "nothing was spent";
  provider_.Next(StillAsGood());
  Elapse(absl::Hours(2));
  EXPECT_EQ(Get().outcome(), "token 3");
  EXPECT_GT(Status().token->lifetime, absl::Hours(1));
}

TEST_F(ProviderRulesTest, NothingCanBeExtendedWhereThereIsNothing) {
  Create("alpha");
  provider_.Next(StillGood());
  Start();
  Run();
  EXPECT_NE(State(), CredentialState::kActive);
  EXPECT_EQ(Record().grant, GrantState::kUsable);
}

// ---- the client, the grant

TEST_F(ProviderRulesTest, ARefusedClientIsAskedAgainBeforeItsTokenEnds) {
  provider_.SetLifetime(absl::Minutes(10));
  Create("alpha");
  StartAndRun();
  ProviderIs(ClientRejected);
  Elapse(absl::Minutes(8) + absl::Seconds(45));
  ASSERT_EQ(provider_.count(), 2u);
  EXPECT_EQ(State(), CredentialState::kClientRejected);
  ProviderIsWell();
  Elapse(absl::Seconds(45));
  EXPECT_EQ(Get().outcome(), "token 2") << "not ten minutes later, when the token is long gone";
}

TEST_F(ProviderRulesTest, AfterALostAnswerOneInvalidGrantIsNotBelievedWhereNothingRotates) {
  provider_.SetRotates(false);
  Create("alpha");
  StartAndRun();
  provider_.Next(Lost());
  provider_.Next(SaysNo());
  Elapse(absl::Minutes(53));
  EXPECT_EQ(Record().grant, GrantState::kUsable);
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(ProviderRulesTest, ASecondOneIsBelieved) {
  provider_.SetRotates(false);
  Create("alpha");
  StartAndRun();
  provider_.Next(Lost());
  ProviderIs(SaysNo);
  Elapse(absl::Minutes(53));
  EXPECT_EQ(State(), CredentialState::kNeedsReauthorization);
  EXPECT_EQ(provider_.count(), 4u);
}

// ---- what the provider said

TEST_F(ProviderRulesTest, TheProvidersWordsAreKeptUntilItGivesAToken) {
  Create("alpha");
  provider_.Next(SaysNo());
  Start();
  Run();
  const broker::ProviderError said{400, "invalid_grant", "it was revoked"};
  EXPECT_EQ(Status().last_error, said);
  EXPECT_EQ(Record().last_error, said);
  Start();
  EXPECT_EQ(Status().last_error, said) << "after a restart, too";
  ReplaceGrant("alpha", "new");
  Run();
  EXPECT_TRUE(Status().last_error.empty());
  EXPECT_TRUE(Record().last_error.empty());
}

TEST_F(ProviderRulesTest, TheEndOfTheRefreshTokenIsAsToldElseAsConfigured) {
  Create("alpha", [](CredentialSettings& s) { s.refresh_token_lifetime = absl::Hours(24); });
  StartAndRun();
  const absl::Time issued = Record().token->issued.wall;
  EXPECT_EQ(Status().refresh_token_expire_time, issued + absl::Hours(24)) << "from its rotation";
  EXPECT_EQ(Status().last_rotation_time, issued);
  broker::Granted granted{.access_token = Secret(std::string_view("at")), .token_type = "Bearer"};
  granted.expires_in = absl::Hours(1);
  granted.refresh_token_lifetime = absl::Hours(48);
  granted.properties = {{"instance_url", "https://i.test"}};
  provider_.Next(std::move(granted));
  Elapse(absl::Minutes(52));
  const absl::Time told = Record().token->issued.wall + absl::Hours(48);
  EXPECT_EQ(Status().refresh_token_expire_time, told);
  EXPECT_EQ(Status().last_rotation_time, issued) << "the last answer brought none";
  EXPECT_EQ(Status().token->properties.at("instance_url"), "https://i.test");
  Start();
  EXPECT_EQ(Status().refresh_token_expire_time, told);
  EXPECT_EQ(Status().token->properties.at("instance_url"), "https://i.test");
}

// ---- one app's exchanges

TEST_F(ProviderRulesTest, OneClientHasSoManyExchangesOutAtOnceAndHoldsUpNoOther) {
  const auto of = [](const char* client) {
    return [client](CredentialSettings& s) {
      s.client_id = client;
      s.concurrency = 1;
    };
  };
  for (const char* name : {"alpha", "beta", "gamma"}) Create(name, of("one"));
  Create("delta", of("two"));
  Create("epsilon");
  Start();
  EXPECT_EQ(process_->executor.waiting(), 3u) << "one of each client, and who has no limit";
  Run();
  for (const char* name : {"alpha", "beta", "gamma", "delta", "epsilon"}) {
    EXPECT_EQ(Get(name).outcome(), "token 1") << name;
  }
}

// ---- grants without a refresh token

class OtherGrantTest : public BrokerTest {
 protected:
  OtherGrantTest() {
    Create("alpha", [](CredentialSettings& s) { s.grant = broker::ClientCredentialsGrant{}; });
  }
};

TEST_F(OtherGrantTest, ATokenIsHadKeptFreshAndServedAfterARestart) {
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.posts()[0].refresh_token, "");
  Elapse(absl::Minutes(52));
  EXPECT_EQ(Get().outcome(), "token 2");
  Start();
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(OtherGrantTest, ARefreshTokenThatComesBesideIsNotKept) {
  broker::Granted granted{.access_token = Secret(std::string_view("at")), .token_type = "Bearer"};
  granted.refresh_token = Secret(std::string_view("of no use"));
  granted.expires_in = absl::Hours(1);
  provider_.Next(std::move(granted));
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_FALSE(Record().rotates);
  EXPECT_NE(RefreshTokenOnRecord(), "of no use");
}

// There is nothing to lose: no answer is waited out, none is kept, and nothing dies.
TEST_F(OtherGrantTest, LostAndUnusableAnswersAreTriedAgain) {
  provider_.Next(Lost());
  provider_.Next(MayHoldTheNext());
  provider_.Next(Dead());
  Start();
  Elapse(absl::Minutes(20));
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 0);
  EXPECT_EQ(Record().grant, GrantState::kUsable);
}

TEST_F(OtherGrantTest, ARefusedAssertionIsTheClients) {
  ProviderIs(Dead);
  Start();
  Run();
  EXPECT_EQ(State(), CredentialState::kClientRejected);
  EXPECT_EQ(Get().outcome(), "CLIENT_REJECTED");
}

TEST_F(OtherGrantTest, WhatAnEarlierRefreshTokenLeftSaysNothing) {
  Create("beta");
  Start();
  ProviderIs(Dead);
  Run();
  EXPECT_EQ(Record("beta").grant, GrantState::kDead);
  ProviderIsWell();
  auto settings = CopyOfSettings("beta");
  settings->grant = broker::ClientCredentialsGrant{};
  settings_["beta"] = settings;
  StartAndRun();
  EXPECT_EQ(Get("beta").outcome(), "token 1");
}

}  // namespace
}  // namespace token_service::testing
