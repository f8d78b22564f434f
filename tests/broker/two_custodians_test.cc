// Two processes on one store, each with its scheduler, its cache and its eyes on the store.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/refresher.h"
#include "server/broker/settings_source.h"
#include "server/broker/store_follower.h"
#include "server/broker/token_cache.h"
#include "server/broker/token_issuer.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timer_queue.h"
#include "tests/testing/faulty_credential_store.h"
#include "tests/testing/manual_executor.h"
#include "tests/testing/memory_credential_store.h"
#include "tests/testing/scripted_token_endpoint.h"

namespace token_service::testing {
namespace {

using broker::CredentialRecord;
using broker::CredentialSettings;
using broker::CredentialSettingsPtr;
using broker::CredentialState;
using broker::RefreshScheduler;

constexpr absl::Duration kInterval = absl::Milliseconds(200);

// Nothing is declared: the row says it all.
class RowSettings final : public broker::SettingsSource {
 public:
  CredentialSettingsPtr SettingsOf(const CredentialRecord& record) const override {
    auto settings = std::make_shared<CredentialSettings>();
    settings->name = record.name;
    settings->client_id = record.profile.client_id;
    settings->token_endpoint = record.profile.token_endpoint;
    return settings;
  }
  bool Declares(std::string_view) const override { return false; }
  std::optional<ProfileDefaults> DefaultsFor(std::string_view) const override { return {}; }
  bool PermitsOrigin(std::string_view) const override { return true; }
  bool SecretsGoTo(std::string_view, std::string_view) const override { return true; }
  bool HasDefaultClientKey(std::string_view) const override { return false; }
};

class Answered final : public broker::TokenIssuer::Waiter {
 public:
  void OnAnswer(broker::TokenAnswer answer) override {
    const auto* const token = std::get_if<broker::AccessTokenPtr>(&answer);
    outcome = token != nullptr ? absl::StrCat("token ", (*token)->generation)
                               : std::string(ReasonName(std::get<broker::Refusal>(answer).reason));
  }
  std::string outcome = "waiting";
};

class TwoCustodiansTest : public ::testing::Test {
 protected:
  struct Custodian {
    Custodian(std::string name, FakeClock& clock, FakeTimerQueue& timers,
              MemoryCredentialStore& memory, ScriptedTokenEndpoint& provider,
              const RowSettings& settings)
        : store(memory),
          refresher({.holder = std::move(name)}, store, provider, clock),
          scheduler(Options(), refresher, cache, workers, timers, clock),
          issuer({}, cache, scheduler, timers, clock),
          follower(memory, scheduler, settings, registrar, timers, clock, kInterval) {
      scheduler.AddListener(&issuer);
      registrar.RunAtOnce(true);
      follower.Start();
    }

    static RefreshScheduler::Options Options() {
      RefreshScheduler::Options options;
      options.backoff.jitter = 0;
      return options;
    }

    Answered& Ask(const broker::TokenRequest& request) {
      Answered& caller = *callers.emplace_back(std::make_unique<Answered>());
      if (auto answer = issuer.TryGet(request); answer.has_value()) {
        caller.OnAnswer(*std::move(answer));
      } else {
        issuer.Wait(request, &caller);
      }
      return caller;
    }
    Answered& Get(std::string name = "alpha") { return Ask({.credential = std::move(name)}); }
    Answered& Reject(uint64_t generation) {
      return Ask({.credential = "alpha", .rejected_generation = generation});
    }
    CredentialState State() { return scheduler.Status("alpha")->state; }

    FaultyCredentialStore store;
    ManualExecutor workers;
    ManualExecutor registrar;
    broker::TokenCache cache;
    broker::Refresher refresher;
    RefreshScheduler scheduler;
    broker::TokenIssuer issuer;
    broker::StoreFollower follower;
    std::vector<std::unique_ptr<Answered>> callers;
  };

  TwoCustodiansTest() {
    memory_.set_shared(true);
    Create("0");
  }

  void Create(std::string_view refresh_token, std::string endpoint = "https://one.example/token",
              std::string name = "alpha") {
    CredentialRecord record;
    record.name = std::move(name);
    record.profile.token_endpoint = std::move(endpoint);
    record.refresh_token = Secret(refresh_token);
    record.create_time = clock_.WallNow();
    ASSERT_TRUE(memory_.Create(record).ok());
  }
  void Start() {
    a_ = std::make_unique<Custodian>("a", clock_, timers_, memory_, provider_, settings_);
    b_ = std::make_unique<Custodian>("b", clock_, timers_, memory_, provider_, settings_);
  }
  // All that is to be run, on both, in no time.
  void Run() {
    while (a_->workers.RunOne() || b_->workers.RunOne()) {
    }
  }
  void Elapse(absl::Duration by) {
    Run();
    a_->workers.RunAtOnce(true);
    b_->workers.RunAtOnce(true);
    timers_.Advance(by);
    a_->workers.RunAtOnce(false);
    b_->workers.RunAtOnce(false);
  }
  // Both have looked.
  void Look() { Elapse(2 * kInterval); }
  CredentialRecord Record() { return *memory_.Load("alpha"); }

  FakeClock clock_;
  FakeTimerQueue timers_{clock_};
  MemoryCredentialStore memory_{clock_};
  ScriptedTokenEndpoint provider_{clock_};
  RowSettings settings_;
  std::unique_ptr<Custodian> a_;
  std::unique_ptr<Custodian> b_;
};

TEST_F(TwoCustodiansTest, OneExchangeServesBoth) {
  Start();
  Answered& at_a = a_->Get();
  Answered& at_b = b_->Get();
  Elapse(absl::Seconds(1));
  EXPECT_EQ(at_a.outcome, "token 1");
  EXPECT_EQ(at_b.outcome, "token 1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(TwoCustodiansTest, WhatOneRefreshedTheOtherServesAtOnceAndNeedNotAskFor) {
  Start();
  a_->workers.RunAll();
  ASSERT_EQ(provider_.count(), 1);
  Look();
  EXPECT_EQ(b_->Get().outcome, "token 1");
  Elapse(absl::Minutes(30));
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(TwoCustodiansTest, ADayCostsAsManyExchangesAsOneCustodianWould) {
  Start();
  Elapse(absl::Hours(24));
  const size_t together = provider_.count();
  EXPECT_GE(together, 24u);
  EXPECT_LE(together, 33u);  // At 75 to 85 % of an hour's life.
  EXPECT_EQ(a_->Get().outcome, b_->Get().outcome);
  EXPECT_EQ(Record().generation, together);
}

TEST_F(TwoCustodiansTest, WhoWaitsAtOneIsAnsweredWhenTheOtherHasIt) {
  Start();
  a_->workers.RunAll();
  Look();
  Answered& caller = b_->Reject(1);
  Elapse(absl::Minutes(6));
  EXPECT_EQ(caller.outcome, "REFRESHED_RECENTLY");
  // A begins, and B's caller comes while it is out.
  Answered* waiting = nullptr;
  provider_.Meanwhile([&] {
    waiting = &b_->Reject(1);
    b_->workers.RunAll();
    EXPECT_EQ(waiting->outcome, "waiting");
  });
  a_->Reject(1);
  a_->workers.RunAll();
  Look();
  ASSERT_NE(waiting, nullptr);
  EXPECT_EQ(waiting->outcome, "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(TwoCustodiansTest, ADeadGrantIsDeadForBoth) {
  Start();
  a_->workers.RunAll();
  Look();
  provider_.SetRule([](const CredentialSettings&) { return broker::GrantDead{"revoked"}; });
  Elapse(absl::Hours(2));
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(a_->State(), CredentialState::kNeedsReauthorization);
  EXPECT_EQ(b_->State(), CredentialState::kNeedsReauthorization);
  EXPECT_EQ(b_->Get().outcome, "REFRESH_TOKEN_REJECTED");
}

TEST_F(TwoCustodiansTest, ANewGrantEndsThatForBoth) {
  Start();
  provider_.SetRule([](const CredentialSettings&) { return broker::GrantDead{"revoked"}; });
  Elapse(absl::Seconds(1));
  ASSERT_EQ(b_->State(), CredentialState::kNeedsReauthorization);
  provider_.SetRule(nullptr);
  ASSERT_TRUE(memory_.ReplaceRefreshToken("alpha", Secret(std::string_view("new"))).ok());
  Elapse(absl::Seconds(1));
  EXPECT_EQ(a_->Get().outcome, "token 1");
  EXPECT_EQ(b_->Get().outcome, "token 1");
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(provider_.posts().back().refresh_token, "new");
}

// A's exchange is of the old grant.
TEST_F(TwoCustodiansTest, ARefusalOfTheGrantBeforeIsNoNewsOfTheNewOne) {
  Start();
  provider_.Next([this]() -> broker::ExchangeOutcome {
    EXPECT_TRUE(memory_.ReplaceRefreshToken("alpha", Secret(std::string_view("new"))).ok());
    timers_.Advance(kInterval);
    return broker::GrantDead{"revoked"};
  });
  a_->workers.RunAll();
  Elapse(absl::Seconds(1));
  EXPECT_EQ(Record().grant, broker::GrantState::kUsable);
  EXPECT_EQ(Record().refresh_token.Reveal(), "alpha/1");
  EXPECT_EQ(provider_.count(), 2u) << "the refused one, and one of the new grant";
  EXPECT_EQ(a_->Get().outcome, b_->Get().outcome);
  EXPECT_TRUE(absl::StartsWith(a_->Get().outcome, "token")) << a_->Get().outcome;
}

TEST_F(TwoCustodiansTest, ALostAnswerIsInDoubtForBoth) {
  Start();
  const MonotonicTime expires = clock_.Now() + absl::Hours(1);
  a_->workers.RunAll();
  Look();
  provider_.SetRule([](const CredentialSettings&) {
    return broker::InDoubt{.reason = broker::Reason::kProviderUnavailable, .detail = "cut"};
  });
  while (provider_.count() == 1 && clock_.Now() < expires) Elapse(absl::Seconds(1));
  ASSERT_GT(provider_.count(), 1);
  const MonotonicTime first = provider_.posts().at(1).at;
  Elapse(absl::Minutes(5));
  EXPECT_LE(provider_.posts().back().at - first, absl::Seconds(10)) << "after the replay window";
  EXPECT_EQ(a_->State(), CredentialState::kInDoubt);
  EXPECT_EQ(b_->State(), CredentialState::kInDoubt);
}

TEST_F(TwoCustodiansTest, WhatOneCreatesTheOtherServes) {
  Start();
  Elapse(absl::Seconds(1));
  Create("beta's", "https://one.example/token", "beta");
  EXPECT_EQ(b_->Get("beta").outcome, "CREDENTIAL_NOT_FOUND");
  Elapse(absl::Seconds(1));
  EXPECT_EQ(a_->Get("beta").outcome, "token 1");
  EXPECT_EQ(b_->Get("beta").outcome, "token 1");
  EXPECT_EQ(provider_.count("beta"), 1);
}

TEST_F(TwoCustodiansTest, WhatOneDeletesTheOtherServesNoMore) {
  Start();
  Elapse(absl::Seconds(1));
  ASSERT_TRUE(memory_.Delete("alpha").ok());
  Look();
  EXPECT_EQ(b_->Get().outcome, "CREDENTIAL_NOT_FOUND");
  EXPECT_EQ(a_->Get().outcome, "CREDENTIAL_NOT_FOUND");
}

// Deleted and made anew between two looks, for another endpoint.
TEST_F(TwoCustodiansTest, ANamesakesTokenNeitherGoesToTheOldEndpointNorIsServedForIt) {
  Start();
  Elapse(absl::Seconds(1));
  ASSERT_TRUE(memory_.Delete("alpha").ok());
  Create("another's", "https://two.example/token");
  // B has not looked, and is told that its token is no good.
  b_->Reject(1);
  Run();
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Seconds(1));
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(provider_.posts().back().endpoint, "https://two.example/token");
  EXPECT_EQ(provider_.posts().back().refresh_token, "another's");
  EXPECT_EQ(a_->Get().outcome, "token 1");
  EXPECT_EQ(b_->Get().outcome, "token 1");
}

// What was out for the one that was deleted is nobody's.
TEST_F(TwoCustodiansTest, WhatIsInTheAirForADeletedOneIsNotTheNamesakes) {
  Start();
  provider_.Next([this]() -> broker::ExchangeOutcome {
    EXPECT_TRUE(memory_.Delete("alpha").ok());
    clock_.Advance(absl::Milliseconds(1));
    Create("another's", "https://two.example/token");
    timers_.Advance(kInterval);
    return broker::GrantDead{"revoked"};
  });
  a_->workers.RunAll();
  Elapse(absl::Seconds(1));
  EXPECT_EQ(a_->Get().outcome, "token 1");
  EXPECT_EQ(b_->Get().outcome, "token 1");
  EXPECT_EQ(Record().refresh_token.Reveal(), "alpha/1");
}

TEST_F(TwoCustodiansTest, WhatOneMovesTheOtherSendsThere) {
  Start();
  Elapse(absl::Seconds(1));
  broker::CredentialProfile profile = Record().profile.Copy();
  profile.token_endpoint = "https://two.example/token";
  ASSERT_TRUE(memory_.Move("alpha", profile, Secret(std::string_view("moved"))).ok());
  Elapse(absl::Minutes(6));
  Answered& caller = b_->Reject(1);
  Elapse(absl::Minutes(1));
  EXPECT_EQ(caller.outcome, "token 2");
  EXPECT_EQ(provider_.count(), 2);
  for (const auto& post : provider_.posts()) {
    EXPECT_EQ(post.refresh_token == "moved", post.endpoint == "https://two.example/token");
  }
  EXPECT_NE(caller.outcome, "STORE_UNAVAILABLE");
}

TEST_F(TwoCustodiansTest, WhatOneDisablesTheOtherNeitherServesNorSends) {
  Start();
  Elapse(absl::Seconds(1));
  ASSERT_TRUE(memory_.Disable("alpha").ok());
  Look();
  EXPECT_EQ(b_->Get().outcome, "CREDENTIAL_DISABLED");
  Elapse(absl::Hours(2));
  EXPECT_EQ(provider_.count(), 1);
  ASSERT_TRUE(memory_.Enable("alpha").ok());
  Elapse(absl::Seconds(1));
  EXPECT_EQ(a_->Get().outcome, "token 2");
  EXPECT_EQ(b_->Get().outcome, "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(TwoCustodiansTest, WhatOneHoldsTheOtherDoesNotSend) {
  Start();
  Elapse(absl::Seconds(1));
  ASSERT_TRUE(memory_.HoldAll().ok());
  Elapse(absl::Hours(2));
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(b_->State(), CredentialState::kHeld);
  ASSERT_TRUE(memory_.Release("alpha").ok());
  Elapse(absl::Seconds(1));
  EXPECT_EQ(b_->Get().outcome, "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

// Its commit failed: it has the token, and the store does not. Then the other comes.
TEST_F(TwoCustodiansTest, AnAnswerThatIsInMemoryOnlyIsNotOvertakenByAnOlderToken) {
  Start();
  Elapse(absl::Seconds(1));
  Elapse(absl::Minutes(30));
  a_->store.Fail(FaultyCredentialStore::Call::kCommit, 2);
  a_->Reject(1);
  a_->workers.RunAll();
  EXPECT_EQ(a_->Get().outcome, "token 2");
  ASSERT_TRUE(memory_.UpdateProfile("alpha", Record().profile).ok());
  timers_.Advance(kInterval);
  EXPECT_EQ(a_->Get().outcome, "token 2");
  Elapse(absl::Minutes(1));
  EXPECT_EQ(Record().generation, 2u);
  EXPECT_EQ(b_->Get().outcome, "token 2");
  EXPECT_EQ(provider_.count(), 2);
}

}  // namespace
}  // namespace token_service::testing
