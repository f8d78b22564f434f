#include <gtest/gtest.h>

#include <memory>

#include "server/broker/token_watchers.h"
#include "tests/broker/broker_fixture.h"

// A credential that the configuration drops and declares again while the server runs.

namespace token_service::broker {
namespace {

using testing::Caller;

class DisabledCredentialTest : public testing::BrokerTest {
 protected:
  DisabledCredentialTest() { Create("alpha"); }

  void Disable() { scheduler().Disable("alpha"); }
  void Enable() { scheduler().Enable(settings_.at("alpha"), Record()); }
};

class Watcher final : public TokenWatchers::Watcher {
 public:
  void OnToken(const AccessTokenPtr& /*token*/) override { FAIL(); }
  void OnEnd(const Refusal& refusal) override { end = refusal.reason; }
  std::optional<Reason> end;
};

TEST_F(DisabledCredentialTest, ItsTokenIsNobodysAndItIsLeftAlone) {
  StartAndRun();
  Disable();
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_DISABLED");
  EXPECT_EQ(OperatorRefresh().outcome(), "CREDENTIAL_DISABLED");
  EXPECT_EQ(State(), CredentialState::kDisabled);
  Elapse(absl::Hours(10));
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(DisabledCredentialTest, WatchersAreTold) {
  StartAndRun();
  TokenWatchers watchers({}, process_->cache, clock_);
  scheduler().AddListener(&watchers);
  const auto watcher = std::make_shared<Watcher>();
  ASSERT_FALSE(watchers.Add("alpha", watcher).has_value());
  Disable();
  EXPECT_EQ(watcher->end, Reason::kCredentialDisabled);
}

TEST_F(DisabledCredentialTest, OneThatIsQueuedIsNotExchanged) {
  options_.scheduler.per_endpoint = 1;
  Create("beta");
  Start();
  Disable();
  scheduler().Disable("beta");
  Run();
  EXPECT_LE(provider_.count(), 1);  // Whichever was in the air.
  EXPECT_TRUE(scheduler().Drain(absl::ZeroDuration()));
}

TEST_F(DisabledCredentialTest, WhatIsInTheAirIsStoredAndHandedToNobody) {
  Caller* waiting = nullptr;
  provider_.Meanwhile([&] {
    waiting = &Get();
    EXPECT_EQ(waiting->outcome(), "waiting");
    Disable();
    EXPECT_EQ(waiting->outcome(), "CREDENTIAL_DISABLED");
  });
  Start();
  Run();
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(Record().generation, 1u);
  EXPECT_NE(RefreshTokenOnRecord(), "alpha/0");
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_DISABLED");
  EXPECT_EQ(State(), CredentialState::kDisabled);
  Elapse(absl::Hours(10));
  EXPECT_EQ(provider_.count(), 1);
}

// A flight publishes a moment before it lands.
TEST_F(DisabledCredentialTest, WhatAFlightBringsMeanwhileIsKeptAndNobodys) {
  provider_.Meanwhile([&] { Disable(); });
  Start();
  Run();
  EXPECT_EQ(process_->cache.Find("alpha", clock_.Now())->token, nullptr);
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_DISABLED");
  Enable();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(DisabledCredentialTest, OneEnabledAgainWhileItsFlightIsInTheAirIsServedWhatItBrings) {
  provider_.Meanwhile([&] {
    Disable();
    Enable();
  });
  Start();
  Run();
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(DisabledCredentialTest, AnAnswerNotStoredYetIsStoredAllTheSame) {
  Start();
  store_.Fail(Call::kCommit, testing::FaultyCredentialStore::kForever);
  Run();
  ASSERT_EQ(scheduler().unpersisted(), 1);
  Disable();
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_DISABLED");
  store_.Fail(Call::kCommit, 0);
  Elapse(absl::Minutes(5));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_NE(RefreshTokenOnRecord(), "alpha/0");
  EXPECT_EQ(Get().outcome(), "CREDENTIAL_DISABLED");
}

TEST_F(DisabledCredentialTest, DeclaredAgainItServesWhatIsStored) {
  StartAndRun();
  Disable();
  Enable();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Hours(1));
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(DisabledCredentialTest, DeclaredAgainWhileInTheAirItServesWhatLands) {
  provider_.Meanwhile([this] {
    Disable();
    Enable();
  });
  Start();
  Run();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(State(), CredentialState::kActive);
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(DisabledCredentialTest, DeclaredAgainADeadGrantIsStillDead) {
  ProviderIs(testing::Dead);
  StartAndRun();
  ASSERT_EQ(State(), CredentialState::kNeedsReauthorization);
  Disable();
  EXPECT_EQ(State(), CredentialState::kDisabled);
  Enable();
  EXPECT_EQ(State(), CredentialState::kNeedsReauthorization);
  EXPECT_EQ(provider_.count(), 1);
}

}  // namespace
}  // namespace token_service::broker
