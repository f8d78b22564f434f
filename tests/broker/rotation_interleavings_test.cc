#include <gtest/gtest.h>

#include "tests/broker/interleaving_fixture.h"

namespace token_service::testing {
namespace {

// ---- the commit fails

using CommitTest = InterleavingTest;

TEST_F(CommitTest, ATokenThatCannotBeStoredIsHandedOutAndStoredLater) {
  store_.Fail(Call::kCommit, 1);
  Start();
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(scheduler().unpersisted(), 1);
  EXPECT_TRUE(Status().unpersisted);
  EXPECT_EQ(Record().generation, 0);
  Elapse(absl::Seconds(1));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(Record().generation, 1);
  EXPECT_EQ(RefreshTokenOnRecord(), "alpha/1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(CommitTest, NothingIsExchangedWhileAnAnswerIsNotStored) {
  store_.Fail(Call::kCommit, FaultyCredentialStore::kForever);
  StartAndRun();
  Elapse(absl::Hours(1) - absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
  Elapse(absl::Seconds(1));
  Caller& caller = Get();
  EXPECT_EQ(caller.outcome(), "STORE_UNAVAILABLE");
  EXPECT_TRUE(caller.retry_after().has_value());
  EXPECT_EQ(OperatorRefresh().outcome(), "STORE_UNAVAILABLE");
  EXPECT_EQ(provider_.count(), 1);
  store_.Fail(Call::kCommit, 0);
  Elapse(absl::Seconds(121));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(LastPosted(), "alpha/1");
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(CommitTest, OneReportedFailedThatHappenedIsRecognised) {
  store_.Fail(Call::kCommit, 1, When::kAfter);
  StartAndRun();
  EXPECT_EQ(scheduler().unpersisted(), 1);
  Elapse(absl::Seconds(1));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(Record().generation, 1);
  EXPECT_EQ(EvidenceKept(), 0);
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(CommitTest, RemovingTheCredentialEndsTheWait) {
  store_.Fail(Call::kCommit, FaultyCredentialStore::kForever);
  StartAndRun();
  scheduler().Remove("alpha");
  EXPECT_EQ(scheduler().unpersisted(), 0);
  Elapse(absl::Hours(1));
  EXPECT_EQ(scheduler().unpersisted(), 0);
}

TEST_F(CommitTest, RemovingTheCredentialDuringTheWriteEndsTheWait) {
  store_.Fail(Call::kCommit, 1);
  StartAndRun();
  Hang(absl::Seconds(1));
  ASSERT_EQ(process_->executor.pending(), 1);
  scheduler().Remove("alpha");
  Run();
  EXPECT_EQ(scheduler().unpersisted(), 0);
}

TEST_F(CommitTest, AReplacedGrantDoesNotDropTheUnstoredAnswer) {
  store_.Fail(Call::kCommit, 1);
  StartAndRun();
  ReplaceGrant("alpha", "alpha/new");
  Run();
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(EvidenceKept(), 1);
  EXPECT_EQ(LastPosted(), "alpha/new");
  EXPECT_EQ(Get().access_token(), "access-2");
}

TEST_F(CommitTest, AReplacedGrantWaitsUntilTheUnstoredAnswerIsStored) {
  store_.Fail(Call::kCommit, 3);
  StartAndRun();
  ReplaceGrant("alpha", "alpha/new");
  Run();
  EXPECT_EQ(scheduler().unpersisted(), 1);
  EXPECT_EQ(provider_.count(), 1);
  Elapse(absl::Minutes(5));
  EXPECT_EQ(EvidenceKept(), 1);
  EXPECT_EQ(provider_.count(), 2);
  EXPECT_EQ(LastPosted(), "alpha/new");
}

TEST_F(CommitTest, AGrantReplacedDuringTheFlightDoesNotDropTheUnstoredAnswer) {
  store_.Fail(Call::kCommit, 1);
  provider_.Meanwhile([this] { ReplaceGrant("alpha", "alpha/new"); });
  StartAndRun();
  Elapse(absl::Seconds(5));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(EvidenceKept(), 1);
  EXPECT_EQ(LastPosted(), "alpha/new");
  EXPECT_EQ(Get().access_token(), "access-2");
}

// ---- the rest of the store fails

using StoreTest = InterleavingTest;

TEST_F(StoreTest, WhileNoAttemptCanBeRecordedTheLiveTokenIsServed) {
  StartWithOldToken();
  store_.SetDown(true);
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "STORE_UNAVAILABLE");
  EXPECT_TRUE(caller.retry_after().has_value());
  EXPECT_EQ(Get().outcome(), "token 1");
  Elapse(absl::Minutes(19));
  EXPECT_EQ(provider_.count(), 1);
  store_.SetDown(false);
  Elapse(absl::Minutes(2) + absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 2");
}

TEST_F(StoreTest, WithoutATokenTheStoreIsToBlame) {
  store_.SetDown(true);
  Start();
  Caller& caller = Get();
  Run();
  EXPECT_EQ(caller.outcome(), "STORE_UNAVAILABLE");
  EXPECT_EQ(provider_.count(), 0);
  store_.SetDown(false);
  Elapse(absl::Seconds(1));
  EXPECT_EQ(Get().outcome(), "token 1");
}

TEST_F(StoreTest, AnAttemptRecordedThoughReportedNotIsDoubtAtAProviderThatRotates) {
  StartWithOldToken();
  store_.Fail(Call::kBegin, 1, When::kAfter);
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "STORE_UNAVAILABLE");
  Elapse(absl::Seconds(1));
  // Inside the window it is replayed.
  EXPECT_EQ(Get().outcome(), "token 3");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(StoreTest, ADeadGrantIsNotPostedAgainThoughTheStoreDoesNotKnow) {
  StartWithOldToken();
  store_.Fail(Call::kConclude, FaultyCredentialStore::kForever);
  provider_.Next(Dead());
  GetFresher();
  Elapse(absl::Hours(2));
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(StoreTest, ADeadGrantIsRecordedAsSoonAsTheStoreTakesIt) {
  StartWithOldToken();
  store_.Fail(Call::kConclude, 3);
  provider_.Next(Dead());
  GetFresher();
  Run();
  EXPECT_EQ(scheduler().unpersisted(), 1);
  EXPECT_EQ(Record().grant, broker::GrantState::kUsable);
  Elapse(absl::Minutes(1));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(Record().grant, broker::GrantState::kDead);
  EXPECT_FALSE(Record().attempt.has_value());
  Start();  // Nothing reads as doubt.
  Elapse(absl::Hours(2));
  EXPECT_EQ(Get().outcome(), "REFRESH_TOKEN_REJECTED");
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(StoreTest, ADeadGrantThatIsReplacedBeforeItIsRecordedLives) {
  StartWithOldToken();
  store_.Fail(Call::kConclude, 2);
  provider_.Next(Dead());
  GetFresher();
  Run();
  ASSERT_EQ(scheduler().unpersisted(), 1);
  ReplaceGrant("alpha", "new grant");
  Elapse(absl::Minutes(1));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(Record().grant, broker::GrantState::kUsable);
  EXPECT_EQ(provider_.count(), 3);
}

TEST_F(StoreTest, AnUnusableAnswerThatCannotBeQuarantinedBlocksUntilItIs) {
  StartWithOldToken();
  provider_.Next(Unusable("half a token"));
  store_.Fail(Call::kQuarantine, 3);
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "STORE_UNAVAILABLE");
  EXPECT_EQ(scheduler().unpersisted(), 1);
  Elapse(absl::Seconds(2));
  EXPECT_EQ(GetFresher().outcome(), "STORE_UNAVAILABLE");
  EXPECT_EQ(provider_.count(), 2);
  Elapse(absl::Seconds(60));
  EXPECT_EQ(scheduler().unpersisted(), 0);
  EXPECT_EQ(EvidenceKept(), 1);
  EXPECT_EQ(Get().outcome(), "token 2") << "replayed inside the window";
}

TEST_F(StoreTest, AnUnusableAnswerIsQuarantinedAndInDoubt) {
  StartWithOldToken();
  provider_.SetRule([](const auto&) { return Unusable("half a token"); });
  Caller& caller = GetFresher();
  Run();
  EXPECT_EQ(caller.outcome(), "PROVIDER_MALFORMED");
  EXPECT_EQ(provider_.count(), 3) << "one replay at once";
  EXPECT_EQ(EvidenceKept(), 1) << "the same answer twice is kept once";
}

}  // namespace
}  // namespace token_service::testing
