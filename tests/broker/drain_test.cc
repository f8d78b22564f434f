#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

class DrainTest : public BrokerTest {
 protected:
  DrainTest() { Create("alpha"); }
  bool Drained() { return scheduler().Drain(absl::ZeroDuration()); }
};

TEST_F(DrainTest, IdleIsDrained) {
  StartAndRun();
  EXPECT_TRUE(Drained());
}

TEST_F(DrainTest, FinishesFlightsAndTheWantedAndStartsNothingAhead) {
  options_.scheduler.per_endpoint = 1;
  for (const char* name : {"beta", "gamma"}) Create(name);
  Start();
  Caller& caller = Get("gamma");
  EXPECT_FALSE(Drained());
  Run();
  EXPECT_TRUE(Drained());
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(provider_.count("alpha"), 1);
  EXPECT_EQ(provider_.count("beta"), 0);
  Elapse(absl::Hours(2));
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(DrainTest, DoesNotWaitForAProviderThatIsDown) {
  for (int i = 0; i < 20; ++i) Create(absl::StrCat("name-", i));
  ProviderIs(NotReached);
  Start();
  for (int i = 0; i < 20; ++i) Get(absl::StrCat("name-", i));
  Run();
  EXPECT_TRUE(Drained());
}

TEST_F(DrainTest, WritesWhatIsNotPersistedAtOnce) {
  store_.Fail(Call::kCommit, 10);
  Start();
  Elapse(absl::Minutes(2));  // By now the backoff is longer than any drain.
  EXPECT_EQ(scheduler().unpersisted(), 1);
  store_.Fail(Call::kCommit, 0);
  EXPECT_FALSE(Drained());
  Run();
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_TRUE(Drained());
}

TEST_F(DrainTest, TriesToWriteAgainSoonWhenItFails) {
  store_.Fail(Call::kCommit, FaultyCredentialStore::kForever);
  Start();
  Elapse(absl::Minutes(5));
  EXPECT_FALSE(Drained());
  Run();
  store_.Fail(Call::kCommit, 0);
  Elapse(absl::Seconds(2));
  EXPECT_TRUE(Drained());
}

TEST_F(DrainTest, GivesUpAtItsTimeout) {
  store_.Fail(Call::kCommit, FaultyCredentialStore::kForever);
  StartAndRun();
  EXPECT_FALSE(scheduler().Drain(absl::Milliseconds(20)));
  EXPECT_EQ(scheduler().unpersisted(), 1);
}

TEST_F(DrainTest, ReturnsWhenTheLastFlightHasLanded) {
  Start();
  bool drained = false;
  std::thread drain([&] { drained = scheduler().Drain(absl::InfiniteDuration()); });
  Run();
  drain.join();
  EXPECT_TRUE(drained);
}

TEST_F(DrainTest, CallersOfALiveTokenAreServedThroughout) {
  StartAndRun();
  Drained();
  Elapse(absl::Minutes(55));
  EXPECT_EQ(Get().outcome(), "token 1");
}

}  // namespace
}  // namespace token_service::testing
