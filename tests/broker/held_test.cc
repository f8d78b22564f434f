#include <gtest/gtest.h>

#include <memory>

#include "server/broker/token_watchers.h"
#include "tests/broker/broker_fixture.h"

// A credential whose refresh token may have been used elsewhere: see CredentialRecord::held_since.

namespace token_service::broker {
namespace {

using Hold = RefreshScheduler::Hold;

class HeldTest : public testing::BrokerTest {
 protected:
  HeldTest() { Create("alpha"); }

  // With a token of an hour, twenty minutes old.
  void StartHeld() {
    StartAndRun();
    Elapse(absl::Minutes(20));
    ASSERT_TRUE(memory_.HoldAll().ok());
    StartAndRun();
    ASSERT_EQ(provider_.count(), 1);
  }
  void Release() {
    ASSERT_TRUE(memory_.Release("alpha").ok());
    scheduler().OnReleased("alpha");
    Run();
  }
};

class Watcher final : public TokenWatchers::Watcher {
 public:
  void OnToken(const AccessTokenPtr& /*token*/) override { FAIL(); }
  void OnEnd(const Refusal& refusal) override { end = refusal.reason; }
  std::optional<Reason> end;
};

TEST_F(HeldTest, ItsTokenIsServedToItsEndAndNothingIsSent) {
  StartHeld();
  EXPECT_EQ(State(), CredentialState::kHeld);
  EXPECT_EQ(Get().outcome(), "token 1");
  Elapse(absl::Minutes(40) - absl::Milliseconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
  Elapse(absl::Milliseconds(1));
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_HELD");
  EXPECT_FALSE(callers_.back()->retry_after().has_value());
  Elapse(absl::Hours(24 * 30));
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(HeldTest, WhoNeedsMoreThanItsTokenIsToldWhy) {
  StartHeld();
  EXPECT_EQ(GetValidFor(absl::Minutes(50)).outcome(), "CREDENTIAL_HELD");
  EXPECT_EQ(Reject(1).outcome(), "CREDENTIAL_HELD");
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(HeldTest, AnOperatorsRefreshIsNoRelease) {
  StartHeld();
  EXPECT_EQ(OperatorRefresh().outcome(), "CREDENTIAL_HELD");
  Run();
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(HeldTest, NorIsARestartNorAreNewSettings) {
  StartHeld();
  Elapse(absl::Hours(2));
  Update(CopyOfSettings("alpha"));
  Run();
  StartAndRun();
  EXPECT_EQ(State(), CredentialState::kHeld);
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(HeldTest, NorIsBeingDroppedFromTheConfigurationAndDeclaredAgain) {
  StartHeld();
  Elapse(absl::Hours(2));
  scheduler().Disable("alpha");
  scheduler().Enable(settings_.at("alpha"), Record());
  Run();
  EXPECT_EQ(State(), CredentialState::kHeld);
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_HELD");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(HeldTest, OneThatWasNeverExchangedIsLeftAloneToo) {
  ASSERT_TRUE(memory_.HoldAll().ok());
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_HELD");
  Elapse(absl::Hours(1));
  EXPECT_EQ(provider_.count(), 0);
}

TEST_F(HeldTest, OneInDoubtIsNotReplayed) {
  StartAndRun();
  provider_.Next(testing::Lost());
  OperatorRefresh();
  ASSERT_TRUE(process_->executor.RunOne());  // The replay would come next.
  ASSERT_TRUE(memory_.HoldAll().ok());
  StartAndRun();
  Elapse(absl::Hours(2));
  EXPECT_EQ(State(), CredentialState::kHeld);
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(HeldTest, AReleasedOneIsRefreshedWhenItIsDue) {
  StartHeld();
  Release();
  EXPECT_EQ(State(), CredentialState::kActive);
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Minutes(35));
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(HeldTest, AReleasedOneWithoutATokenIsExchangedAtOnce) {
  StartHeld();
  Elapse(absl::Hours(2));
  Release();
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(HeldTest, AnOperatorsNewGrantIsExchangedAtOnce) {
  StartHeld();
  ReplaceGrant("alpha", "granted");
  Run();
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(State(), CredentialState::kActive);
}

// The file may be as old as the copy.
TEST_F(HeldTest, AFilesNewGrantWaitsForItsRelease) {
  StartHeld();
  ASSERT_TRUE(memory_.Adopt("alpha", Secret(std::string_view("file"))).ok());
  scheduler().OnGrantReplaced("alpha", Hold::kStays);
  Elapse(absl::Hours(2));
  EXPECT_EQ(State(), CredentialState::kHeld);
  EXPECT_EQ(provider_.count(), 1);
  Release();
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(HeldTest, WatchersAreToldWhenItsTokenHasExpired) {
  StartHeld();
  TokenWatchers watchers({}, process_->cache, clock_);
  scheduler().AddListener(&watchers);
  const auto watcher = std::make_shared<Watcher>();
  ASSERT_FALSE(watchers.Add("alpha", watcher).has_value());
  Elapse(absl::Minutes(40) - absl::Milliseconds(1));
  EXPECT_FALSE(watcher->end.has_value());
  Elapse(absl::Milliseconds(1));
  EXPECT_EQ(watcher->end, Reason::kCredentialHeld);
}

// Whatever this process believes, the store has the last word.
TEST_F(HeldTest, NothingIsSentWhenTheStoreSaysSoOnly) {
  StartAndRun();
  ASSERT_TRUE(memory_.HoldAll().ok());
  Elapse(absl::Minutes(55));
  EXPECT_EQ(State(), CredentialState::kHeld);
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

// Who is dead is dead first: releasing it would help nobody.
TEST_F(HeldTest, ADeadGrantSaysSo) {
  StartAndRun();
  provider_.Next(testing::Dead());
  OperatorRefresh();
  Run();
  ASSERT_TRUE(memory_.HoldAll().ok());
  StartAndRun();
  EXPECT_EQ(State(), CredentialState::kNeedsReauthorization);
  ReplaceGrant("alpha", "granted");
  Run();
  EXPECT_EQ(State(), CredentialState::kActive);
}

TEST_F(HeldTest, ADrainDoesNotSendItEither) {
  StartHeld();
  Elapse(absl::Hours(2));
  EXPECT_TRUE(scheduler().Drain(absl::ZeroDuration()));
  Run();
  EXPECT_EQ(provider_.count(), 1);
}

}  // namespace
}  // namespace token_service::broker
