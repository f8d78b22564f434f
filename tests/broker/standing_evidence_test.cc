// While an answer stands that may hold the next refresh token, the one that was sent is not sent
// again (docs/adr/0030-evidence-stands.md).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialState;

// "rt:NAME" holds a refresh token that may be tried.
class FakeReader final : public broker::EvidenceReader {
 public:
  std::optional<Secret> Candidate(const broker::ProviderRules&, const Secret& body,
                                  const Secret& sent) const override {
    std::string_view text = body.Reveal();
    if (blind || !text.starts_with("rt:") || text.substr(3) == sent.Reveal()) return std::nullopt;
    return Secret(text.substr(3));
  }
  std::vector<broker::EvidenceMember> Describe(const Secret&, const Secret&) const override {
    return {};
  }
  std::optional<Secret> TokenAt(const Secret&, std::string_view) const override {
    return std::nullopt;
  }

  bool blind = false;
};

class StandingEvidenceTest : public BrokerTest {
 protected:
  StandingEvidenceTest() {
    options_.refresher.reader = &reader_;
    Create("alpha");
  }

  std::vector<std::string> Posted(std::string_view name = "alpha") {
    std::vector<std::string> tokens;
    for (const auto& post : provider_.posts()) {
      if (post.credential == name) tokens.push_back(post.refresh_token);
    }
    return tokens;
  }
  CredentialState State() { return Status("alpha").state; }

  FakeReader reader_;
};

TEST_F(StandingEvidenceTest, WhatWasSentIsNeverSentAgain) {
  provider_.Next(MayHoldTheNext("unreadable"));
  StartAndRun();
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  EXPECT_EQ(Status("alpha").last_error_reason, "ANSWER_UNREADABLE");
  Caller& caller = Get();
  EXPECT_EQ(caller.outcome(), "ANSWER_UNREADABLE");
  EXPECT_TRUE(caller.retry_after().has_value());
  Elapse(absl::Hours(48));
  Start();  // Nor after a crash.
  Run();
  Elapse(absl::Hours(48));
  EXPECT_EQ(Get().outcome(), "ANSWER_UNREADABLE");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(StandingEvidenceTest, NotEvenForAnOperatorUnlessHeInsists) {
  provider_.Next(MayHoldTheNext("unreadable"));
  StartAndRun();
  Caller& asks = OperatorRefresh();
  Run();
  EXPECT_EQ(asks.outcome(), "ANSWER_UNREADABLE");
  EXPECT_EQ(provider_.count(), 1);
  Caller insists;
  issuer().Refresh("alpha", &insists, /*even_if_rejected=*/true);
  Run();
  EXPECT_EQ(insists.outcome(), "token 1");
  EXPECT_EQ(State(), CredentialState::kActive);
  EXPECT_EQ(Posted(), (std::vector<std::string>{"alpha/0", "alpha/0"}));
}

TEST_F(StandingEvidenceTest, ALiveTokenIsServedToItsEndAndItsWatchersAreTold) {
  StartAndRun();
  provider_.Next(MayHoldTheNext("unreadable"));
  Elapse(absl::Minutes(55));  // Past every moment at which it may be refreshed ahead.
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  Elapse(absl::Minutes(6));
  EXPECT_EQ(Get().outcome(), "ANSWER_UNREADABLE");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(StandingEvidenceTest, TheRefreshTokenInItIsTriedByItselfAfterTheBackoff) {
  provider_.Next(MayHoldTheNext("rt:beta"));
  StartAndRun();
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(Get().outcome(), "ANSWER_UNREADABLE");
  Elapse(absl::Seconds(3));
  EXPECT_EQ(Posted(), (std::vector<std::string>{"alpha/0", "beta"}));
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(State(), CredentialState::kActive);
  EXPECT_TRUE(Record().rotates);
  EXPECT_EQ(Record().standing_evidence, 0) << "history";
}

TEST_F(StandingEvidenceTest, ItIsTriedAfterACrashToo) {
  provider_.Next(MayHoldTheNext("rt:beta"));
  StartAndRun();
  StartAndRun();
  Elapse(absl::Seconds(3));
  EXPECT_EQ(Posted(), (std::vector<std::string>{"alpha/0", "beta"}));
  EXPECT_EQ(Get().outcome(), "token 1");
}

// docs/adr/0024-spent-tokens.md
TEST_F(StandingEvidenceTest, OneThatIsSpentIsNotTried) {
  StartAndRun();  // alpha/0 is spent.
  provider_.Next(MayHoldTheNext("rt:alpha/0"));
  Elapse(absl::Hours(3));
  EXPECT_EQ(Get().outcome(), "ANSWER_UNREADABLE");
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(Posted().front(), "alpha/0");
  EXPECT_NE(Posted().back(), "alpha/0");
}

TEST_F(StandingEvidenceTest, RefusedItStandsNoMoreAndTheDoubtAboutTheOldOneResumes) {
  Create("held", [](auto& settings) { settings.replay_window = absl::ZeroDuration(); });
  StartAndRun();  // Seen to rotate: held/0 is spent.
  const std::string second = RefreshTokenOnRecord("held");
  std::vector<std::string> answers = {"evidence", "dead", "dead"};
  provider_.SetRule([&answers](const auto& settings) -> std::optional<broker::ExchangeOutcome> {
    if (settings.name != "held" || answers.empty()) return std::nullopt;
    const std::string answer = answers.front();
    answers.erase(answers.begin());
    return answer == "dead" ? Dead() : MayHoldTheNext("rt:beta");
  });
  Elapse(absl::Minutes(55));
  EXPECT_EQ(Posted("held"), (std::vector<std::string>{"held/0", second, "beta"}));
  EXPECT_EQ(Get("held").outcome(), "token 1");
  EXPECT_EQ(Status("held").state, CredentialState::kInDoubt);
  EXPECT_EQ(Record("held").standing_evidence, 0);
  Elapse(absl::Minutes(10));
  EXPECT_EQ(Posted("held"), (std::vector<std::string>{"held/0", second, "beta", second}));
  EXPECT_EQ(Status("held").state, CredentialState::kNeedsReauthorization);
}

TEST_F(StandingEvidenceTest, AnsweredUselesslyTheNewAnswerIsWhatStands) {
  provider_.Next(MayHoldTheNext("rt:beta"));
  provider_.Next(MayHoldTheNext("rt:gamma"));
  StartAndRun();
  Elapse(absl::Minutes(1));
  EXPECT_EQ(Posted(), (std::vector<std::string>{"alpha/0", "beta", "gamma"}));
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(StandingEvidenceTest, AnsweredWithTheSameAgainItTakesAnOperator) {
  provider_.SetRule([](const auto&) { return MayHoldTheNext("rt:beta"); });
  StartAndRun();
  Elapse(absl::Hours(24));
  EXPECT_EQ(Posted(), (std::vector<std::string>{"alpha/0", "beta"}));
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
}

TEST_F(StandingEvidenceTest, NewRulesReadItAgain) {
  reader_.blind = true;
  provider_.Next(MayHoldTheNext("rt:beta"));
  StartAndRun();
  Elapse(absl::Hours(1));
  EXPECT_EQ(provider_.count(), 1);
  reader_.blind = false;
  scheduler().OnEvidenceChanged("");
  Elapse(absl::Seconds(3));
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(StandingEvidenceTest, DiscardedItHoldsNothingBack) {
  provider_.Next(MayHoldTheNext("unreadable"));
  StartAndRun();
  const auto kept = memory_.ListEvidence("alpha");
  ASSERT_TRUE(kept.ok());
  ASSERT_TRUE(memory_.DiscardEvidence("alpha", kept->at(0).id).ok());
  scheduler().OnEvidenceChanged("alpha");
  Elapse(absl::Minutes(10));
  EXPECT_EQ(Posted(), (std::vector<std::string>{"alpha/0", "alpha/0"}));
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(StandingEvidenceTest, ANewGrantEndsIt) {
  provider_.Next(MayHoldTheNext("unreadable"));
  StartAndRun();
  ReplaceGrant("alpha", "new");
  Run();
  EXPECT_EQ(Posted(), (std::vector<std::string>{"alpha/0", "new"}));
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(State(), CredentialState::kActive);
}

TEST_F(StandingEvidenceTest, ATokenWithAnotherRefreshTokenElsewhereIsServedAndNothingIsSentAgain) {
  broker::Granted granted;
  granted.access_token = Secret(std::string_view("access"));
  granted.token_type = "Bearer";
  granted.expires_in = absl::Hours(1);
  granted.evidence = {
      .body = Secret(std::string_view("elsewhere")), .http_status = 200, .stands = true};
  provider_.Next(std::move(granted));
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(State(), CredentialState::kInDoubt);
  StartAndRun();
  Elapse(absl::Hours(2));
  EXPECT_EQ(Get().outcome(), "ANSWER_UNREADABLE");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(StandingEvidenceTest, AnInsistingOperatorTriesADeadGrantOnceMore) {
  provider_.Next(Dead());
  StartAndRun();
  Caller& asks = OperatorRefresh();
  Run();
  EXPECT_EQ(asks.outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(provider_.count(), 1);
  Caller insists;
  issuer().Refresh("alpha", &insists, /*even_if_rejected=*/true);
  Run();
  EXPECT_EQ(insists.outcome(), "token 1");
  EXPECT_EQ(State(), CredentialState::kActive);
}

}  // namespace
}  // namespace token_service::testing
