#include "server/broker/token_watchers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/fake_clock.h"

namespace token_service::broker {
namespace {

class Recorder final : public TokenWatchers::Watcher {
 public:
  void OnToken(const AccessTokenPtr& token) override { generations.push_back(token->generation); }
  void OnEnd(const Refusal& refusal) override { ends.push_back(refusal.reason); }

  void OnReview() override { ++reviews; }

  std::vector<uint64_t> generations;
  std::vector<Reason> ends;
  int reviews = 0;
};

class TokenWatchersTest : public ::testing::Test {
 protected:
  TokenWatchersTest() { cache_.Add("inbox"); }

  std::shared_ptr<Recorder> Watch() {
    auto recorder = std::make_shared<Recorder>();
    refusal_ = watchers_.Add("inbox", recorder);
    return recorder;
  }

  void Publish(uint64_t generation, absl::Duration lifetime) {
    auto token = std::make_shared<AccessToken>();
    token->credential = "inbox";
    token->generation = generation;
    token->expires = clock_.Now() + lifetime;
    cache_.Publish(std::move(token));
  }

  testing::FakeClock clock_;
  TokenCache cache_;
  TokenWatchers watchers_{{.max_watchers = 2}, cache_, clock_};
  std::optional<Refusal> refusal_;
};

TEST_F(TokenWatchersTest, EveryWatcherHearsOfANewToken) {
  const auto one = Watch();
  const auto other = Watch();
  Publish(1, absl::Hours(1));
  watchers_.OnSettled("inbox", std::nullopt);
  EXPECT_EQ(one->generations, std::vector<uint64_t>{1});
  EXPECT_EQ(other->generations, std::vector<uint64_t>{1});
}

// As a watcher does whose caller may not watch any more.
class Leaver final : public TokenWatchers::Watcher, public std::enable_shared_from_this<Leaver> {
 public:
  explicit Leaver(TokenWatchers& watchers) : watchers_(watchers) {}
  void OnToken(const AccessTokenPtr& /*token*/) override { FAIL(); }
  void OnEnd(const Refusal& /*refusal*/) override { FAIL(); }
  void OnReview() override { EXPECT_TRUE(watchers_.Remove("inbox", shared_from_this())); }

 private:
  TokenWatchers& watchers_;
};

TEST_F(TokenWatchersTest, AReviewReachesEveryWatcherWhoMayLeaveMeanwhile) {
  const auto stays = std::make_shared<Recorder>();
  ASSERT_FALSE(watchers_.Add("outbox", stays).has_value());
  ASSERT_FALSE(watchers_.Add("inbox", std::make_shared<Leaver>(watchers_)).has_value());
  watchers_.ReviewAll();
  EXPECT_EQ(stays->reviews, 1);
  EXPECT_EQ(watchers_.count(), 1u);
}

class Holding final : public TokenWatchers::Watcher {
 public:
  explicit Holding(SharedPlaces::Holder holder) : holder_(holder) {}
  void OnToken(const AccessTokenPtr& /*token*/) override {}
  void OnEnd(const Refusal& /*refusal*/) override {}
  SharedPlaces::Holder holder() const override { return holder_; }

 private:
  const SharedPlaces::Holder holder_;
};

TEST_F(TokenWatchersTest, OneWhoHasManyLeavesRoomForOthers) {
  watchers_.SetMaxWatchers(8);
  std::vector<std::shared_ptr<Holding>> greedy;
  for (int i = 0; i < 6; ++i) {
    greedy.push_back(std::make_shared<Holding>(1));
    ASSERT_FALSE(watchers_.Add("inbox", greedy.back()).has_value());
  }
  const auto refusal = watchers_.Add("inbox", std::make_shared<Holding>(1));
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->reason, Reason::kOverloaded);
  EXPECT_FALSE(watchers_.Add("inbox", std::make_shared<Holding>(2)).has_value());
  // What ends gives its place back, however it ends.
  EXPECT_TRUE(watchers_.Remove("inbox", greedy[0]));
  watchers_.OnRemoved("inbox");
  EXPECT_EQ(watchers_.count(), 0u);
  EXPECT_FALSE(watchers_.Add("inbox", std::make_shared<Holding>(1)).has_value());
}

TEST_F(TokenWatchersTest, OtherCredentialsAreNoNews) {
  const auto watcher = Watch();
  Publish(1, absl::Hours(1));
  watchers_.OnSettled("outbox", std::nullopt);
  EXPECT_TRUE(watcher->generations.empty());
}

TEST_F(TokenWatchersTest, ATokenSpentOnArrivalIsNotSent) {
  const auto watcher = Watch();
  Publish(1, absl::ZeroDuration());
  watchers_.OnSettled("inbox", std::nullopt);
  EXPECT_TRUE(watcher->generations.empty());
}

TEST_F(TokenWatchersTest, AFailureIsNoNewsWhileTheTokenLives) {
  const auto watcher = Watch();
  Publish(1, absl::Hours(1));
  watchers_.OnSettled("inbox", MakeRefusal(Reason::kRefreshTokenRejected));
  EXPECT_TRUE(watcher->ends.empty());
}

TEST_F(TokenWatchersTest, AFailureThatWillPassIsNoNews) {
  const auto watcher = Watch();
  watchers_.OnSettled("inbox", MakeRefusal(Reason::kProviderUnavailable, absl::Seconds(1)));
  EXPECT_TRUE(watcher->ends.empty());
}

TEST_F(TokenWatchersTest, ADeadGrantWithoutATokenEndsTheWatch) {
  const auto watcher = Watch();
  watchers_.OnSettled("inbox", MakeRefusal(Reason::kRefreshTokenRejected));
  EXPECT_EQ(watcher->ends, std::vector<Reason>{Reason::kRefreshTokenRejected});
  EXPECT_EQ(watchers_.count(), 0u);
}

TEST_F(TokenWatchersTest, RemovalOfTheCredentialEndsTheWatch) {
  const auto watcher = Watch();
  watchers_.OnRemoved("inbox");
  EXPECT_EQ(watcher->ends, std::vector<Reason>{Reason::kCredentialNotFound});
}

TEST_F(TokenWatchersTest, WhoeverLeftHearsNothing) {
  const auto watcher = Watch();
  EXPECT_TRUE(watchers_.Remove("inbox", watcher));
  EXPECT_FALSE(watchers_.Remove("inbox", watcher));
  Publish(1, absl::Hours(1));
  watchers_.OnSettled("inbox", std::nullopt);
  watchers_.Shutdown();
  EXPECT_TRUE(watcher->generations.empty());
  EXPECT_TRUE(watcher->ends.empty());
}

TEST_F(TokenWatchersTest, OneTooManyIsRefusedUntilAnotherLeaves) {
  const auto one = Watch();
  Watch();
  Watch();
  ASSERT_TRUE(refusal_.has_value());
  EXPECT_EQ(refusal_->reason, Reason::kOverloaded);
  EXPECT_TRUE(refusal_->retry_after.has_value());
  EXPECT_EQ(refusal_->message, "too many calls watch already");
  watchers_.Remove("inbox", one);
  Watch();
  EXPECT_FALSE(refusal_.has_value());
}

TEST_F(TokenWatchersTest, ShutdownEndsAllAndAdmitsNoMore) {
  const auto watcher = Watch();
  watchers_.Shutdown();
  EXPECT_EQ(watcher->ends, std::vector<Reason>{Reason::kShuttingDown});
  Watch();
  ASSERT_TRUE(refusal_.has_value());
  EXPECT_EQ(refusal_->reason, Reason::kShuttingDown);
}

}  // namespace
}  // namespace token_service::broker
