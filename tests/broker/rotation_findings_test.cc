// Runs that the model of the rotation found (docs/rotation.md).
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/base/executor.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/refresher.h"
#include "tests/testing/begin_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timer_queue.h"
#include "tests/testing/memory_credential_store.h"

namespace token_service::testing {
namespace {

using broker::ExchangeOutcome;
using broker::Granted;
using broker::Refresher;
using broker::RefreshResult;
using broker::RefreshScheduler;

// Does what the test says around each call.
class WatchedStore final : public broker::RotationStore {
 public:
  explicit WatchedStore(broker::RotationStore& store) : store_(store) {}

  bool shared() const override { return store_.shared(); }
  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override {
    auto begun = store_.Begin(request);
    if (after_begin) std::exchange(after_begin, nullptr)();
    return begun;
  }
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override {
    if (full) return absl::UnavailableError("full");
    return store_.Commit(rotation);
  }
  absl::Status Conclude(const broker::Conclusion& conclusion) override {
    return store_.Conclude(conclusion);
  }
  absl::Status Quarantine(const broker::Evidence& evidence) override {
    if (full) return absl::UnavailableError("full");
    return store_.Quarantine(evidence);
  }

  absl::StatusOr<std::vector<broker::Evidence>> ListEvidence(std::string_view name) override {
    return store_.ListEvidence(name);
  }
  absl::Status SendCandidate(std::string_view name, std::string_view id,
                             const Secret& refresh_token) override {
    return store_.SendCandidate(name, id, refresh_token);
  }
  absl::Status MarkEvidence(std::string_view name, std::string_view id,
                            broker::EvidenceMark mark) override {
    return store_.MarkEvidence(name, id, mark);
  }

  bool full = false;
  std::function<void()> after_begin;

 private:
  broker::RotationStore& store_;
};

// Rotates: "0" buys "1", and so on. Counts what is posted.
class RotatingProvider final : public broker::TokenEndpoint {
 public:
  ExchangeOutcome Exchange(const broker::CredentialSettings&, const broker::Presented& presented,
                           MonotonicTime) override {
    posts.emplace_back(RefreshTokenOf(presented).Reveal());
    if (lose_answers) {
      return broker::InDoubt{broker::Reason::kProviderUnavailable, "timed out", std::nullopt};
    }
    Granted granted;
    granted.access_token = Secret("access/" + std::to_string(posts.size()));
    granted.token_type = "Bearer";
    if (rotates) granted.refresh_token = Secret("rotated/" + std::to_string(posts.size()));
    granted.expires_in = absl::Hours(1);
    return granted;
  }

  bool rotates = true;
  bool lose_answers = false;
  std::vector<std::string> posts;
};

class Inline final : public Executor {
 public:
  void Run(absl::AnyInvocable<void()> work) override { work(); }
};

class RotationFindingsTest : public ::testing::Test {
 protected:
  RotationFindingsTest() {
    auto settings = std::make_shared<broker::CredentialSettings>();
    settings->name = "alpha";
    settings->token_endpoint = "https://provider.example/token";
    settings_ = std::move(settings);
    broker::CredentialRecord record;
    record.name = "alpha";
    record.profile.token_endpoint = settings_->token_endpoint;
    record.refresh_token = Secret(std::string_view("0"));
    record.create_time = clock_.WallNow();
    EXPECT_TRUE(memory_.Create(record).ok());
  }

  // What an earlier process left behind, and this one finds.
  void Start() {
    scheduler_ = std::make_unique<RefreshScheduler>(RefreshScheduler::Options{}, refresher_, cache_,
                                                    executor_, timers_, clock_);
    scheduler_->Add(settings_, Record());
  }
  RefreshResult Refresh(broker::Refresher::Order order = {}) {
    order.create_time = Record().create_time;
    return refresher_.Refresh(*settings_, order);
  }
  broker::CredentialRecord Record() { return *memory_.Load("alpha"); }
  uint64_t ServedGeneration() { return cache_.Find("alpha", clock_.Now())->token->generation; }
  std::string Served() {
    const auto found = cache_.Find("alpha", clock_.Now());
    return found->token == nullptr ? "" : std::string(found->token->value.Reveal());
  }
  void ReplaceInStore() {
    ASSERT_TRUE(memory_.ReplaceRefreshToken("alpha", Secret(std::string_view("new"))).ok());
  }

  FakeClock clock_;
  FakeTimerQueue timers_{clock_};
  MemoryCredentialStore memory_{clock_};
  WatchedStore store_{memory_};
  RotatingProvider provider_;
  broker::TokenCache cache_;
  Inline executor_;
  Refresher refresher_{{.holder = "us"}, store_, provider_, clock_};
  broker::CredentialSettingsPtr settings_;
  std::unique_ptr<RefreshScheduler> scheduler_;
};

TEST_F(RotationFindingsTest, AnAnswerNotStoredYetOutlivesAReplacedGrant) {
  store_.full = true;
  Start();
  ASSERT_EQ(scheduler_->unpersisted(), 1);
  ReplaceInStore();
  scheduler_->OnGrantReplaced("alpha", broker::RefreshScheduler::Hold::kEnds);
  // It is nowhere else.
  EXPECT_EQ(scheduler_->unpersisted(), 1);
  EXPECT_EQ(provider_.posts, (std::vector<std::string>{"0"}));

  store_.full = false;
  timers_.Advance(absl::Minutes(5));
  EXPECT_EQ(scheduler_->unpersisted(), 0);
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
  EXPECT_EQ(provider_.posts, (std::vector<std::string>{"0", "new"}));
  EXPECT_EQ(Served(), "access/2");
  // Somebody may have seen the one that was not stored.
  EXPECT_EQ(ServedGeneration(), 2u);
}

TEST_F(RotationFindingsTest, AGenerationHandedOutBeforeACrashIsNotGivenAgain) {
  store_.full = true;
  Start();
  ASSERT_EQ(Served(), "access/1");
  ASSERT_EQ(ServedGeneration(), 1u);
  scheduler_ = nullptr;  // Killed.
  cache_.Remove("alpha");

  store_.full = false;
  Start();
  EXPECT_EQ(Served(), "access/2");
  EXPECT_EQ(ServedGeneration(), 2u);
  EXPECT_EQ(Record().generation, 2u);
}

TEST_F(RotationFindingsTest, AFailureLeavesNoGenerationOut) {
  store_.after_begin = [this] { clock_.Advance(absl::Seconds(11)); };
  Refresh();
  provider_.lose_answers = true;
  Refresh();
  provider_.lose_answers = false;
  Refresh();
  EXPECT_EQ(Record().generation, 1u);
}

TEST_F(RotationFindingsTest, AnAnswerNotStoredIsCountedFromBeforeItsTokenIsSeenUntilItIsGone) {
  store_.full = true;
  {
    const RefreshResult result = Refresh();
    EXPECT_EQ(std::get<broker::Unpersisted>(result.outcome).token->generation, 1);
    EXPECT_EQ(refresher_.unpersisted(), 1);
  }
  EXPECT_EQ(refresher_.unpersisted(), 0);
}

TEST_F(RotationFindingsTest, AnAttemptBegunTooLongAgoIsNotSent) {
  store_.after_begin = [this] { clock_.Advance(absl::Seconds(11)); };
  const RefreshResult result = Refresh();
  const auto* failed = std::get_if<broker::RefreshFailed>(&result.outcome);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->end, broker::AttemptEnd::kUnspent);
  EXPECT_TRUE(provider_.posts.empty());
  EXPECT_FALSE(Record().attempt.has_value());
}

TEST_F(RotationFindingsTest, DoubtIsHeededWhereOnlyThisProcessKnowsOfTheRotation) {
  provider_.lose_answers = true;
  Refresh();
  Refresh({.rotates = true});
  EXPECT_EQ(provider_.posts.size(), 1);
  Refresh({.doubt_weighed = true, .rotates = true});
  EXPECT_EQ(provider_.posts.size(), 2);
}

// Another replica is at it when the replay is tried; once it has given up, the window is over.
TEST_F(RotationFindingsTest, AReplayThatWaitedForAnotherReplicaIsWeighedAgain) {
  memory_.set_shared(true);
  Refresh();
  scheduler_ = std::make_unique<RefreshScheduler>(
      RefreshScheduler::Options{.poll_other_holder = absl::Seconds(30)}, refresher_, cache_,
      executor_, timers_, clock_);
  // A lost answer, and now another holder replays.
  broker::BeginRequest request = BeginOf(Record(), "lost", "them");
  ASSERT_TRUE(memory_.Begin(request).ok());
  ASSERT_TRUE(
      memory_.Conclude({.name = "alpha", .attempt_id = "lost", .end = broker::AttemptEnd::kInDoubt})
          .ok());
  request.attempt_id = "theirs";
  ASSERT_TRUE(memory_.Begin(request).ok());
  scheduler_->Add(settings_, Record());
  timers_.Advance(absl::Seconds(1));
  ASSERT_EQ(provider_.posts.size(), 1);

  ASSERT_TRUE(
      memory_
          .Conclude({.name = "alpha", .attempt_id = "theirs", .end = broker::AttemptEnd::kInDoubt})
          .ok());
  timers_.Advance(absl::Minutes(5));
  EXPECT_EQ(provider_.posts.size(), 1) << "replayed after the window, with a good access token";
  timers_.Advance(absl::Hours(1));
  EXPECT_EQ(provider_.posts.size(), 2);
}

TEST_F(RotationFindingsTest, DoubtWhereNothingRotatesDoesNotHoldACallersNeedBack) {
  provider_.rotates = false;
  Refresh();
  ASSERT_TRUE(memory_.Begin(BeginOf(Record(), "crashed", "us")).ok());
  Start();
  clock_.Advance(absl::Minutes(1));
  scheduler_->Demand("alpha", RefreshScheduler::Need::kRejected, 1);
  EXPECT_EQ(provider_.posts.size(), 2);
}

}  // namespace
}  // namespace token_service::testing
