#include <gtest/gtest.h>

#include "tests/broker/interleaving_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialState;

// Another process shares the store.
class SharedTest : public InterleavingTest {
 protected:
  SharedTest() { memory_.set_shared(true); }
};

TEST_F(SharedTest, AnotherHoldersAttemptIsWaitedForAndItsTokenAdopted) {
  BeginOnRecord("them");
  Start();
  Caller& caller = Get();
  Elapse(absl::Seconds(20));
  EXPECT_EQ(caller.outcome(), "waiting");
  EXPECT_EQ(Get().outcome(), "waiting");
  TheyCommit();
  Elapse(absl::Milliseconds(250));
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(caller.access_token(), "their access token");
  EXPECT_EQ(provider_.count(), 0);
  EXPECT_EQ(issuer().waiting(), 0);
}

TEST_F(SharedTest, AnotherHoldersExpiredAttemptIsTakenOverAndItsDoubtWeighed) {
  StartWithOldToken();
  BeginOnRecord("them");
  Caller& caller = GetFresher();
  Elapse(absl::Seconds(59));
  EXPECT_EQ(caller.outcome(), "waiting");
  Elapse(absl::Seconds(2));
  EXPECT_EQ(caller.outcome(), "REFRESH_IN_DOUBT");
  EXPECT_EQ(provider_.count(), 1);
  EXPECT_EQ(State(), CredentialState::kInDoubt);
}

TEST_F(SharedTest, AnotherHoldersExpiredAttemptAtAProviderThatDoesNotRotateIsTakenOver) {
  provider_.SetRotates(false);
  StartWithOldToken();
  BeginOnRecord("them");
  Caller& caller = GetFresher();
  Elapse(absl::Seconds(61));
  EXPECT_EQ(caller.outcome(), "token 3");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(SharedTest, AnOperatorTakesALiveAttemptOverAndItsDoubtToo) {
  StartWithOldToken();
  BeginOnRecord("them");
  clock_.Advance(absl::Seconds(30));
  Caller& caller = OperatorRefresh();
  Run();
  EXPECT_EQ(caller.outcome(), "token 3");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(SharedTest, AGenerationThatMovedOnIsAdoptedWithoutAPost) {
  StartWithOldToken();
  BeginOnRecord("them");
  TheyCommit();
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(caller.access_token(), "their access token");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(SharedTest, AGrantTheOtherFoundDeadIsAdoptedDead) {
  StartWithOldToken();
  BeginOnRecord("them");
  TheyCommit();
  ASSERT_TRUE(memory_.Begin(BeginOf(Record(), "again", "them")).ok());
  ASSERT_TRUE(
      memory_.Conclude({.name = "alpha", .attempt_id = "again", .end = broker::AttemptEnd::kDead})
          .ok());
  GetFresher();
  Run();
  EXPECT_EQ(Get().outcome(), "token 2");
  EXPECT_EQ(State(), CredentialState::kNeedsReauthorization);
  Elapse(absl::Hours(3));
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(SharedTest, AnAnswerLaterThanItsLeaseIsQuarantinedAndTheirsAdopted) {
  StartWithOldToken();
  Caller& caller = GetFresher();
  provider_.Meanwhile([this] {
    clock_.Advance(absl::Seconds(61));
    BeginOnRecord("them");  // Our lease is over.
    TheyCommit();
  });
  Run();
  EXPECT_EQ(caller.outcome(), "token 3");
  EXPECT_EQ(caller.access_token(), "their access token");
  EXPECT_EQ(EvidenceKept(), 1);
  EXPECT_EQ(RefreshTokenOnRecord(), "alpha/theirs");
}

TEST_F(SharedTest, AnAnswerLaterThanItsLeaseIsStoredIfNothingNewerCame) {
  StartWithOldToken();
  Caller& caller = GetFresher();
  provider_.Meanwhile([this] {
    clock_.Advance(absl::Seconds(61));
    BeginOnRecord("them");  // Our lease is over.
    ASSERT_TRUE(
        memory_
            .Conclude(
                {.name = "alpha", .attempt_id = "theirs", .end = broker::AttemptEnd::kInDoubt})
            .ok());
  });
  Run();
  EXPECT_EQ(caller.outcome(), "token 2");
  EXPECT_EQ(EvidenceKept(), 0);
  EXPECT_EQ(RefreshTokenOnRecord(), "alpha/2");
  EXPECT_EQ(State(), CredentialState::kActive);
}

}  // namespace
}  // namespace token_service::testing
