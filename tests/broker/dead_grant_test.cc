#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "server/broker/token_watchers.h"
#include "tests/broker/interleaving_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialState;

broker::ExchangeOutcome LostAnswer() { return Lost(); }

// ---- the grant is dead

class DeadGrantTest : public InterleavingTest {
 protected:
  void Die() {
    StartWithOldToken();
    provider_.Next(Dead());
    Caller& caller = GetFresher();
    Run();
    ASSERT_EQ(caller.outcome(), "REFRESH_TOKEN_REJECTED");
  }
};

TEST_F(DeadGrantTest, IsNeverPostedAgainHoweverManyAsk) {
  Die();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(GetFresher().outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(OperatorRefresh().outcome(), "REFRESH_TOKEN_REJECTED");
  Elapse(absl::Hours(24));
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_FALSE(callers_.back()->retry_after().has_value());
  EXPECT_EQ(provider_.count(), 2);
}

// Stands for what another thread does while a refusal is on its way to the listeners after it.
class Meddler final : public broker::RefreshListener {
 public:
  explicit Meddler(std::function<void()> meddle) : meddle_(std::move(meddle)) {}
  void OnSettled(const std::string& /*credential*/,
                 const std::optional<broker::Refusal>& refusal) override {
    if (refusal.has_value() && meddle_ != nullptr) std::exchange(meddle_, nullptr)();
  }
  void OnRemoved(const std::string& /*credential*/) override {}

 private:
  std::function<void()> meddle_;
};

class Watcher final : public broker::TokenWatchers::Watcher {
 public:
  void OnToken(const broker::AccessTokenPtr& token) override { generation = token->generation; }
  void OnEnd(const broker::Refusal& refusal) override { end = refusal.reason; }
  uint64_t generation = 0;
  std::optional<broker::Reason> end;
};

TEST_F(DeadGrantTest, ARefusalThatIsPastEndsNoWatcher) {
  Start();
  provider_.Next(Dead());
  Meddler meddler([this] { ReplaceGrant("alpha", "granted"); });
  scheduler().AddListener(&meddler);
  broker::TokenWatchers watchers({}, process_->cache, clock_);
  scheduler().AddListener(&watchers);
  const auto watcher = std::make_shared<Watcher>();
  ASSERT_FALSE(watchers.Add("alpha", watcher).has_value());
  Run();
  EXPECT_FALSE(watcher->end.has_value());
  EXPECT_EQ(watcher->generation, 1u);
  EXPECT_EQ(LastPosted(), "granted");
}

TEST_F(DeadGrantTest, ARefusalThatHoldsEndsIt) {
  Start();
  provider_.Next(Dead());
  broker::TokenWatchers watchers({}, process_->cache, clock_);
  scheduler().AddListener(&watchers);
  const auto watcher = std::make_shared<Watcher>();
  ASSERT_FALSE(watchers.Add("alpha", watcher).has_value());
  Run();
  EXPECT_EQ(watcher->end, broker::Reason::kRefreshTokenRejected);
}

TEST_F(DeadGrantTest, NotEvenAfterARestartOrNewSettings) {
  Die();
  Update(CopyOfSettings("alpha"));
  Elapse(absl::Hours(1));
  Start();
  Elapse(absl::Hours(1));
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(State(), CredentialState::kNeedsReauthorization);
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(DeadGrantTest, ItsTokenIsServedWhileItLives) {
  Die();
  Elapse(absl::Minutes(20) - absl::Milliseconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
  Elapse(absl::Milliseconds(1));
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
}

TEST_F(DeadGrantTest, ItsTokenIsServedAfterARestart) {
  Die();
  StartAndRun();
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(DeadGrantTest, ItsTokenIsWithdrawnWhenItIsReportedRejected) {
  Die();
  EXPECT_EQ(Reject(1).outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
}

// Its age would hold back a refresh that is not going to come.
TEST_F(DeadGrantTest, AYoungTokenReportedRejectedTellsAtOnceThatTheGrantIsDead) {
  StartAndRun();
  provider_.Next(Dead());
  OperatorRefresh();
  Run();
  EXPECT_EQ(Get().outcome(), "token 1");
  EXPECT_EQ(Reject(1).outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
}

TEST_F(DeadGrantTest, AYoungTokenReportedRejectedTellsAtOnceThatTheClientIsRejected) {
  StartAndRun();
  provider_.Next(ClientRejected());
  OperatorRefresh();
  Run();
  EXPECT_EQ(Reject(1).outcome(), "CLIENT_REJECTED");
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(DeadGrantTest, ATokenReportedRejectedIsWithdrawnWhenTheGrantProvesDead) {
  StartWithOldToken();
  provider_.Next(Dead());
  Caller& caller = Reject(1);
  EXPECT_EQ(Get().outcome(), "token 1");
  Run();
  EXPECT_EQ(caller.outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
}

TEST_F(DeadGrantTest, ANewRefreshTokenIsExchangedAtOnceAndTheOldTokenServedMeanwhile) {
  Die();
  ReplaceGrant("alpha", "alpha/new");
  EXPECT_EQ(process_->executor.pending(), 1);
  EXPECT_EQ(Get().outcome(), "token 1");
  Run();
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(LastPosted(), "alpha/new");
}

TEST_F(DeadGrantTest, ANewRefreshTokenBringsAWithdrawnCredentialBack) {
  Die();
  Reject(1);
  ReplaceGrant("alpha", "alpha/new");
  Caller& caller = Get();
  EXPECT_EQ(caller.outcome(), "waiting");
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
}

TEST_F(DeadGrantTest, AWithdrawnTokenStaysAwayWhenTheNewRefreshTokenCannotBeExchangedYet) {
  Die();
  Reject(1);
  provider_.Next(NotReached());
  ReplaceGrant("alpha", "alpha/new");
  Run();
  EXPECT_EQ(Get().outcome(), "PROVIDER_UNAVAILABLE");
  Elapse(absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 2");
}

// ---- the grant is replaced while the old one's request is out

using ReplacedTest = InterleavingTest;

TEST_F(ReplacedTest, TheOldAnswerIsQuarantinedAndTheNewGrantExchangedAtOnce) {
  provider_.Meanwhile([this] { ReplaceGrant("alpha", "alpha/new"); });
  Start();
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(caller.access_token(), "access-2");
  EXPECT_EQ(LastPosted(), "alpha/new");
  EXPECT_EQ(EvidenceKept(), 1);
  EXPECT_EQ(RefreshTokenOnRecord(), "alpha/2");
}

TEST_F(ReplacedTest, TheOldGrantsDeathIsNoNewsOfTheNewOne) {
  provider_.Next([this] {
    ReplaceGrant("alpha", "alpha/new");
    return Dead();
  });
  Start();
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(LastPosted(), "alpha/new");
  EXPECT_EQ(State(), CredentialState::kActive);
}

TEST_F(ReplacedTest, TheOldGrantsDoubtIsNotTheNewOnes) {
  StartWithOldToken();
  provider_.Next([this] {
    ReplaceGrant("alpha", "alpha/new");
    return Lost();
  });
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "token 3");
  EXPECT_EQ(provider_.count(), 3);
  EXPECT_FALSE(Record().doubt_since.has_value());
}

TEST_F(ReplacedTest, TheOldGrantsUnusableAnswerIsStillEvidence) {
  store_.Fail(Call::kQuarantine, 1);
  provider_.Next([this] {
    ReplaceGrant("alpha", "alpha/new");
    return Unusable("half a token");
  });
  StartAndRun();
  Elapse(absl::Seconds(5));
  EXPECT_EQ(EvidenceKept(), 1);
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(LastPosted(), "alpha/new");
}

TEST_F(ReplacedTest, BackoffAndHoldOfTheOldGrantAreForgotten) {
  StartWithOldToken();
  ProviderIs(LostAnswer);
  GetFresher();
  Elapse(absl::Minutes(1));
  ProviderIsWell();
  ReplaceGrant("alpha", "alpha/new");
  Run();
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(Get().access_token(), "access-2");
}

}  // namespace
}  // namespace token_service::testing
