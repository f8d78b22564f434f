#include "server/authz/call_limiter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_clock.h"

namespace token_service::authz {
namespace {

class CallLimiterTest : public ::testing::Test {
 protected:
  // How many of so many calls at once get through.
  int Passes(CallLimiter& limiter, const std::string& who, int calls) {
    int passed = 0;
    for (int i = 0; i < calls; ++i) passed += !limiter.Take(who, clock_.Now()).has_value();
    return passed;
  }

  testing::FakeClock clock_;
};

TEST_F(CallLimiterTest, ABurstThenTheRate) {
  const auto limiter = CallLimiter::ForOne({.per_second = 10, .burst = 5});
  EXPECT_EQ(Passes(*limiter, "a", 20), 5);
  clock_.Advance(absl::Milliseconds(300));
  EXPECT_EQ(Passes(*limiter, "a", 20), 3);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Passes(*limiter, "a", 20), 5) << "quiet for an hour is worth a burst, no more";
}

TEST_F(CallLimiterTest, ARefusalSaysWhenTheNextCallGetsThrough) {
  const auto limiter = CallLimiter::ForOne({.per_second = 10, .burst = 1});
  EXPECT_FALSE(limiter->Take("a", clock_.Now()).has_value());
  EXPECT_EQ(limiter->Take("a", clock_.Now()), absl::Milliseconds(100));
  clock_.Advance(absl::Milliseconds(60));
  EXPECT_EQ(limiter->Take("a", clock_.Now()), absl::Milliseconds(40)) << "refusals cost nothing";
  clock_.Advance(absl::Milliseconds(40));
  EXPECT_FALSE(limiter->Take("a", clock_.Now()).has_value());
}

TEST_F(CallLimiterTest, EachOfManyHasARateOfItsOwn) {
  const auto limiter = CallLimiter::ForMany({.per_second = 1, .burst = 2});
  EXPECT_EQ(Passes(*limiter, "a", 10), 2);
  EXPECT_EQ(Passes(*limiter, "b", 10), 2);
  EXPECT_EQ(Passes(*limiter, "a", 10), 0);
}

TEST_F(CallLimiterTest, RemembersABoundedNumberAndForgetsTheQuietFirst) {
  constexpr size_t kMost = 640;
  const auto limiter = CallLimiter::ForMany({.per_second = 1, .burst = 1}, kMost);
  for (int i = 0; i < 5000; ++i) limiter->Take(absl::StrCat("quiet-", i), clock_.Now());
  EXPECT_LE(limiter->identities(), kMost);
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Passes(*limiter, "busy", 2), 1);
  for (int i = 0; i < 8; ++i) limiter->Take(absl::StrCat("new-", i), clock_.Now());
  EXPECT_EQ(Passes(*limiter, "busy", 2), 0) << "still known";
}

TEST_F(CallLimiterTest, ThreadsShareWhatThereIs) {
  const auto limiter = CallLimiter::ForOne({.per_second = 1, .burst = 100});
  std::atomic<int> passed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { passed += Passes(*limiter, "a", 1000); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 100);
}

}  // namespace
}  // namespace token_service::authz
