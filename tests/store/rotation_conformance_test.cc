#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "tests/store/conformance.h"
#include "tests/store/records.h"

namespace token_service::testing {
namespace {

using broker::AttemptEnd;
using broker::Begun;
using broker::Committed;
using broker::CredentialRecord;
using broker::Fenced;
using broker::GrantState;
using broker::HeldByOther;
using broker::MovedOn;

class RotationConformance : public ConformanceTest {
 protected:
  RotationConformance() { EXPECT_TRUE(store_->Create(NewRecord()).ok()); }

  // The outcome, which must be of the kind T.
  template <typename T>
  T Begin(const broker::BeginRequest& request) {
    return Take<T>(store_->Begin(request));
  }
  template <typename T>
  T Commit(const broker::Rotation& rotation) {
    return Take<T>(store_->Commit(rotation));
  }
  // What the provider's answer to this attempt makes of it.
  static broker::Rotation AnswerTo(const Begun& begun) {
    broker::Rotation rotation =
        MakeRotation(begun.record.attempt->id, begun.record.reserved_generation);
    rotation.grant_serial = begun.record.grant_serial;
    return rotation;
  }
  void Conclude(std::string_view attempt, AttemptEnd end) {
    EXPECT_TRUE(store_
                    ->Conclude({.name = std::string(kName),
                                .attempt_id = std::string(attempt),
                                .end = end,
                                .error_reason = "PROVIDER_UNAVAILABLE"})
                    .ok());
  }

 private:
  template <typename T, typename Outcome>
  static T Take(absl::StatusOr<Outcome> outcome) {
    if (outcome.ok() && std::holds_alternative<T>(*outcome))
      return std::get<T>(*std::move(outcome));
    ADD_FAILURE() << outcome.status() << (outcome.ok() ? ", another outcome" : "");
    return T();
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, RotationConformance, ::testing::ValuesIn(AllStores()), KindName);

TEST_P(RotationConformance, WhatCallersAreGivenGoesWithTheToken) {
  const Begun begun = Begin<Begun>(MakeBegin("a"));
  broker::Rotation rotation = AnswerTo(begun);
  rotation.token.properties = {{"instance_url", "https://i.test/?a=1:2"}, {"n", ""}};
  Commit<Committed>(rotation);
  EXPECT_EQ(Load().token->properties, rotation.token.properties);
  // The next token has its own.
  broker::Rotation next = AnswerTo(Begin<Begun>(MakeBegin("b", 1)));
  Commit<Committed>(next);
  EXPECT_TRUE(Load().token->properties.empty());
}

TEST_P(RotationConformance, TheTimesOfARefreshTokenAreItsOwn) {
  EXPECT_EQ(Load().times.since, clock_.WallNow());
  broker::Rotation rotation = AnswerTo(Begin<Begun>(MakeBegin("a")));
  rotation.rotated = true;
  rotation.token.age = absl::Seconds(3);
  rotation.refresh_token_lifetime = absl::Hours(5);
  Commit<Committed>(rotation);
  const absl::Time rotated = clock_.WallNow() - absl::Seconds(3);
  const absl::Time told = rotated + absl::Hours(5);
  EXPECT_EQ(Load().times, (broker::RefreshTokenTimes{
                              .since = rotated, .expires = told, .last_rotation = rotated}));
  // An answer that brings none and says nothing leaves them alone.
  broker::Rotation kept = AnswerTo(Begin<Begun>(MakeBegin("b", 1)));
  kept.rotated = false;
  Commit<Committed>(kept);
  EXPECT_EQ(Load().times.expires, told);
  EXPECT_EQ(Load().times.last_rotation, rotated);
  // A new refresh token has nothing of the old one's.
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("new"))).ok());
  EXPECT_EQ(Load().times.expires, std::nullopt);
  EXPECT_EQ(Load().times.last_rotation, std::nullopt);
}

TEST_P(RotationConformance, WhatTheProviderSaidStaysUntilThereIsAToken) {
  const broker::ProviderError said{400, "invalid_client", "no such client"};
  Begin<Begun>(MakeBegin("a"));
  ASSERT_TRUE(store_
                  ->Conclude({.name = std::string(kName),
                              .attempt_id = "a",
                              .end = AttemptEnd::kClientRefused,
                              .error_reason = "CLIENT_REJECTED",
                              .said = said})
                  .ok());
  EXPECT_EQ(Load().last_error, said);
  Commit<Committed>(AnswerTo(Begin<Begun>(MakeBegin("b"))));
  EXPECT_TRUE(Load().last_error.empty());
}

TEST_P(RotationConformance, BeginPutsTheAttemptOnRecord) {
  const Begun begun = Begin<Begun>(MakeBegin("a"));
  ASSERT_TRUE(begun.record.attempt.has_value());
  EXPECT_EQ(begun.record.attempt->id, "a");
  EXPECT_EQ(begun.record.refresh_token.Reveal(), RefreshTokenOf(kName, 0));
  const CredentialRecord record = Load();
  ASSERT_TRUE(record.attempt.has_value());
  EXPECT_EQ(record.attempt->id, "a");
  EXPECT_EQ(record.attempt->holder, "holder-1");
  EXPECT_EQ(record.attempt->begun.wall, At(100));
  EXPECT_EQ(record.attempt->lease_end, At(160));
  EXPECT_FALSE(record.doubt_since.has_value());
}

TEST_P(RotationConformance, ALiveAttemptOfAnotherHolderHolds) {
  Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  EXPECT_EQ(Begin<HeldByOther>(MakeBegin("b", 0, At(159), "holder-2")).lease_left,
            absl::Seconds(1));
  EXPECT_EQ(Load().attempt->id, "a");
}

TEST_P(RotationConformance, AnAttemptWhoseLeaseIsOverIsTakenOver) {
  Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  const Begun begun = Begin<Begun>(MakeBegin("b", 0, At(160), "holder-2"));
  EXPECT_EQ(begun.record.attempt->id, "b");
  EXPECT_EQ(Wall(begun.record.doubt_since), At(100));
  EXPECT_EQ(Wall(Load().doubt_since), At(100));
}

TEST_P(RotationConformance, TakeOverNeedsNoEndOfTheLease) {
  Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  broker::BeginRequest request = MakeBegin("b", 0, At(101), "holder-2");
  request.take_over = true;
  EXPECT_EQ(Wall(Begin<Begun>(request).record.doubt_since), At(100));
  EXPECT_EQ(Load().attempt->id, "b");
}

TEST_P(RotationConformance, AHolderTakesOverItsOwnAttempt) {
  Begin<Begun>(MakeBegin("a", 0, At(100)));
  EXPECT_EQ(Wall(Begin<Begun>(MakeBegin("b", 0, At(101))).record.doubt_since), At(100));
}

TEST_P(RotationConformance, TheEarliestDoubtIsKept) {
  Begin<Begun>(MakeBegin("a", 0, At(100)));
  Begin<Begun>(MakeBegin("b", 0, At(110)));
  EXPECT_EQ(Wall(Begin<Begun>(MakeBegin("c", 0, At(120))).record.doubt_since), At(100));
}

TEST_P(RotationConformance, TheEarliestIsTheOneThatWasThereWhateverTheWallClockSaid) {
  Begin<Begun>(MakeBegin("a", 0, At(100)));
  Begin<Begun>(MakeBegin("b", 0, At(50)));  // It was set back.
  EXPECT_EQ(Wall(Begin<Begun>(MakeBegin("c", 0, At(60))).record.doubt_since), At(100));
}

TEST_P(RotationConformance, BeginOnAnOldGenerationGivesWhatIsStored) {
  Rotate(*store_, 0);
  const MovedOn moved = Begin<MovedOn>(MakeBegin("b", 0));
  EXPECT_EQ(moved.record.generation, 1u);
  EXPECT_EQ(moved.record.token->value.Reveal(), AccessTokenOf(kName, 1));
  EXPECT_FALSE(Load().attempt.has_value());
}

TEST_P(RotationConformance, EachAttemptHasAGenerationOfItsOwn) {
  EXPECT_EQ(Begin<Begun>(MakeBegin("a", 0, At(100))).record.reserved_generation, 1u);
  EXPECT_EQ(Begin<Begun>(MakeBegin("b", 0, At(101))).record.reserved_generation, 2u);
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted"))).ok());
  const Begun begun = Begin<Begun>(MakeBegin("c", 0, At(102)));
  EXPECT_EQ(begun.record.reserved_generation, 3u);
  Commit<Committed>(AnswerTo(begun));
  EXPECT_EQ(Load().generation, 3u);
  EXPECT_EQ(Begin<Begun>(MakeBegin("d", 3, At(103))).record.reserved_generation, 4u);
}

TEST_P(RotationConformance, AReservedGenerationOutlivesTheStore) {
  if (!GetParam().durable) GTEST_SKIP() << "in memory";
  Begin<Begun>(MakeBegin("a"));
  Reopen();
  EXPECT_EQ(Begin<Begun>(MakeBegin("b", 0, At(101))).record.reserved_generation, 2u);
}

TEST_P(RotationConformance, AnAttemptThatBroughtNoTokenGivesItsGenerationBack) {
  Begin<Begun>(MakeBegin("a"));
  Conclude("a", AttemptEnd::kUnspent);
  Begin<Begun>(MakeBegin("b"));
  Conclude("b", AttemptEnd::kInDoubt);
  EXPECT_EQ(Begin<Begun>(MakeBegin("c")).record.reserved_generation, 1u);
}

TEST_P(RotationConformance, NoAttemptGivesBackWhatALostOneHad) {
  Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  Begin<Begun>(MakeBegin("b", 0, At(200), "holder-2"));
  Conclude("b", AttemptEnd::kUnspent);
  Conclude("a", AttemptEnd::kUnspent);
  EXPECT_EQ(Begin<Begun>(MakeBegin("c", 0, At(300))).record.reserved_generation, 2u);
}

TEST_P(RotationConformance, CommitStoresTheRotation) {
  Begin<Begun>(MakeBegin("a"));
  BeAt(At(103));
  broker::Rotation rotation = MakeRotation("a");
  rotation.token.age = absl::Seconds(2) - absl::Nanoseconds(3);
  Commit<Committed>(rotation);
  const CredentialRecord record = Load();
  EXPECT_EQ(record.generation, 1u);
  EXPECT_EQ(record.refresh_token.Reveal(), RefreshTokenOf(kName, 1));
  EXPECT_TRUE(record.rotates);
  ASSERT_TRUE(record.token.has_value());
  EXPECT_EQ(record.token->value.Reveal(), AccessTokenOf(kName, 1));
  EXPECT_EQ(record.token->issued.wall, At(101) + absl::Nanoseconds(3));
  EXPECT_EQ(record.token->expires, At(3701) + absl::Nanoseconds(3));
  EXPECT_EQ(record.last_refresh_time, At(101) + absl::Nanoseconds(3));
}

TEST_P(RotationConformance, AnotherCredentialOfTheNameIsNotBegun) {
  const broker::BeginRequest of_the_first = MakeBegin("a");
  ASSERT_TRUE(store_->Delete(kName).ok());
  CredentialRecord another = NewRecord();
  another.create_time = At(2);
  ASSERT_TRUE(store_->Create(another).ok());
  EXPECT_EQ(store_->Begin(of_the_first).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(Load().attempt.has_value());
}

TEST_P(RotationConformance, WhatGoesElsewhereIsNotBegun) {
  broker::BeginRequest request = MakeBegin("a");
  request.token_endpoint = "https://old.example.com/token";
  Begin<broker::GoesElsewhere>(request);
  EXPECT_FALSE(Load().attempt.has_value());
  EXPECT_EQ(Load().consecutive_failures, 0u);
}

// A file that was put back under the server, say.
TEST_P(RotationConformance, AStoreThatIsOlderThanItsCallerSendsNothing) {
  Rotate(*store_, 0);
  EXPECT_EQ(Begin<broker::Behind>(MakeBegin("b", 2)).generation, 1u);
  EXPECT_FALSE(Load().attempt.has_value());
  Begin<Begun>(MakeBegin("c", 1));
}

// An operator may have insisted on it: what is refused is the client.
TEST_P(RotationConformance, ADeadGrantStaysDeadWhateverItsNextAttemptCameToButAToken) {
  Begin<Begun>(MakeBegin("a"));
  Conclude("a", AttemptEnd::kDead);
  for (const AttemptEnd end :
       {AttemptEnd::kClientRefused, AttemptEnd::kUnspent, AttemptEnd::kInDoubt}) {
    Begin<Begun>(MakeBegin("b"));
    Conclude("b", end);
    EXPECT_EQ(Load().grant, GrantState::kDead);
  }
}

TEST_P(RotationConformance, CommitSettlesDoubtAndErrors) {
  Begin<Begun>(MakeBegin("a"));
  Conclude("a", AttemptEnd::kInDoubt);
  Begin<Begun>(MakeBegin("b"));
  Conclude("b", AttemptEnd::kClientRefused);
  EXPECT_TRUE(Load().doubt_since.has_value());
  Begin<Begun>(MakeBegin("c"));
  Commit<Committed>(MakeRotation("c"));
  const CredentialRecord record = Load();
  EXPECT_FALSE(record.attempt.has_value());
  EXPECT_FALSE(record.doubt_since.has_value());
  EXPECT_EQ(record.grant, GrantState::kUsable);
  EXPECT_EQ(record.last_error_reason, "");
  EXPECT_EQ(record.consecutive_failures, 0u);
}

TEST_P(RotationConformance, OnceSeenToRotateAlwaysSo) {
  Rotate(*store_, 0);
  Begin<Begun>(MakeBegin("b", 1));
  broker::Rotation rotation = MakeRotation("b", 2);
  rotation.rotated = false;
  Commit<Committed>(rotation);
  EXPECT_TRUE(Load().rotates);
}

TEST_P(RotationConformance, AProviderThatKeepsTheTokenIsNotSeenToRotate) {
  Begin<Begun>(MakeBegin("a"));
  broker::Rotation rotation = MakeRotation("a");
  rotation.rotated = false;
  Commit<Committed>(rotation);
  EXPECT_FALSE(Load().rotates);
}

TEST_P(RotationConformance, ARepeatedCommitIsCommitted) {
  Begin<Begun>(MakeBegin("a"));
  Commit<Committed>(MakeRotation("a"));
  Commit<Committed>(MakeRotation("a"));
  EXPECT_EQ(Load().generation, 1u);
}

TEST_P(RotationConformance, ACommitIsStillKnownAfterReopening) {
  if (!GetParam().durable) GTEST_SKIP() << "in memory";
  Begin<Begun>(MakeBegin("a"));
  Commit<Committed>(MakeRotation("a"));
  Reopen();
  Commit<Committed>(MakeRotation("a"));
}

TEST_P(RotationConformance, ARepeatedCommitDoesNotUndoALaterGrant) {
  Begin<Begun>(MakeBegin("a"));
  Commit<Committed>(MakeRotation("a"));
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted"))).ok());
  Commit<Committed>(MakeRotation("a"));
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
}

TEST_P(RotationConformance, CommitAfterATakeOverIsFenced) {
  const Begun late = Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  Begin<Begun>(MakeBegin("b", 0, At(200), "holder-2"));
  const Fenced fenced = Commit<Fenced>(AnswerTo(late));
  EXPECT_EQ(fenced.record.attempt->id, "b");
  EXPECT_EQ(fenced.record.refresh_token.Reveal(), RefreshTokenOf(kName, 0));
  EXPECT_EQ(Load().generation, 0u);
}

TEST_P(RotationConformance, CommitAfterAnotherOnesCommitIsFenced) {
  const Begun late = Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  Commit<Committed>(AnswerTo(Begin<Begun>(MakeBegin("b", 0, At(200), "holder-2"))));
  EXPECT_EQ(Commit<Fenced>(AnswerTo(late)).record.generation, 2u);
}

TEST_P(RotationConformance, ALateAnswerIsCommittedIfNothingNewerCame) {
  const Begun late = Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  Begin<Begun>(MakeBegin("b", 0, At(200), "holder-2"));
  Conclude("b", AttemptEnd::kClientRefused);
  Commit<Committed>(AnswerTo(late));
  const CredentialRecord record = Load();
  EXPECT_EQ(record.generation, 1u);
  EXPECT_EQ(record.refresh_token.Reveal(), RefreshTokenOf(kName, 1));
  EXPECT_FALSE(record.doubt_since.has_value());
  EXPECT_EQ(record.grant, GrantState::kUsable);
  Commit<Committed>(AnswerTo(late));
  // What the other was to have had may still come.
  EXPECT_EQ(Begin<Begun>(MakeBegin("c", 1, At(300))).record.reserved_generation, 2u);
}

TEST_P(RotationConformance, CommitAfterANewGrantIsFenced) {
  const Begun begun = Begin<Begun>(MakeBegin("a"));
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted"))).ok());
  EXPECT_EQ(Commit<Fenced>(AnswerTo(begun)).record.refresh_token.Reveal(), "granted");
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
}

TEST_P(RotationConformance, CommitWithoutBeginIsFenced) {
  EXPECT_EQ(Commit<Fenced>(MakeRotation("a")).record.generation, 0u);
}

TEST_P(RotationConformance, CommitOfNoGreaterGenerationIsFenced) {
  Rotate(*store_, 0);
  Begin<Begun>(MakeBegin("a", 1));
  EXPECT_EQ(Commit<Fenced>(MakeRotation("a", 1)).record.generation, 1u);
  EXPECT_EQ(Load().attempt->id, "a");
}

TEST_P(RotationConformance, CommitAfterDeleteAndCreateIsFenced) {
  const Begun begun = Begin<Begun>(MakeBegin("a"));
  ASSERT_TRUE(store_->Delete(kName).ok());
  CredentialRecord another = NewRecord();
  another.create_time = At(2);
  // The old one may be consumed, and would not be taken.
  another.refresh_token = Secret(std::string_view("another"));
  ASSERT_TRUE(store_->Create(another).ok());
  Commit<Fenced>(AnswerTo(begun));
}

TEST_P(RotationConformance, AnAttemptInDoubtMovesIntoDoubtSince) {
  Begin<Begun>(MakeBegin("a"));
  Conclude("a", AttemptEnd::kInDoubt);
  const CredentialRecord record = Load();
  EXPECT_FALSE(record.attempt.has_value());
  EXPECT_EQ(Wall(record.doubt_since), At(100));
  EXPECT_EQ(record.last_error_reason, "PROVIDER_UNAVAILABLE");
  EXPECT_EQ(record.consecutive_failures, 1u);
}

TEST_P(RotationConformance, DoubtCountsFromWhenTheLossWasNoticed) {
  Begin<Begun>(MakeBegin("a", 0, At(100)));
  BeAt(At(140));
  const Moment lost = MomentBefore(clock_.MomentNow(), absl::Seconds(10));
  ASSERT_TRUE(store_
                  ->Conclude({.name = std::string(kName),
                              .attempt_id = "a",
                              .end = AttemptEnd::kInDoubt,
                              .lost_ago = absl::Seconds(10)})
                  .ok());
  EXPECT_EQ(Wall(Load().doubt_since), At(130));
  EXPECT_EQ(Load().doubt_since, lost);
  Begin<Begun>(MakeBegin("b", 0, At(150)));
  ASSERT_TRUE(store_
                  ->Conclude({.name = std::string(kName),
                              .attempt_id = "b",
                              .end = AttemptEnd::kInDoubt,
                              .lost_ago = absl::ZeroDuration()})
                  .ok());
  EXPECT_EQ(Load().doubt_since, lost) << "the earliest";
}

TEST_P(RotationConformance, ALaterDoubtKeepsTheEarlier) {
  Begin<Begun>(MakeBegin("a", 0, At(100)));
  Conclude("a", AttemptEnd::kInDoubt);
  Begin<Begun>(MakeBegin("b", 0, At(110)));
  Conclude("b", AttemptEnd::kInDoubt);
  EXPECT_EQ(Wall(Load().doubt_since), At(100));
  EXPECT_EQ(Load().consecutive_failures, 2u);
}

TEST_P(RotationConformance, AnUnspentAttemptLeavesNoDoubt) {
  Begin<Begun>(MakeBegin("a"));
  Conclude("a", AttemptEnd::kUnspent);
  EXPECT_FALSE(Load().attempt.has_value());
  EXPECT_FALSE(Load().doubt_since.has_value());
}

TEST_P(RotationConformance, AnUnspentAttemptKeepsAnEarlierDoubt) {
  Begin<Begun>(MakeBegin("a", 0, At(100)));
  Conclude("a", AttemptEnd::kInDoubt);
  Begin<Begun>(MakeBegin("b", 0, At(110)));
  Conclude("b", AttemptEnd::kUnspent);
  EXPECT_EQ(Wall(Load().doubt_since), At(100));
}

TEST_P(RotationConformance, ADefiniteAnswerSettlesTheDoubt) {
  Begin<Begun>(MakeBegin("a", 0, At(100)));
  Conclude("a", AttemptEnd::kInDoubt);
  Begin<Begun>(MakeBegin("b", 0, At(110)));
  Conclude("b", AttemptEnd::kDead);
  EXPECT_FALSE(Load().doubt_since.has_value());
  EXPECT_EQ(Load().grant, GrantState::kDead);
}

TEST_P(RotationConformance, TheEndOfAnAttemptNoLongerOnRecordChangesNothing) {
  Begin<Begun>(MakeBegin("a", 0, At(100), "holder-1"));
  Begin<Begun>(MakeBegin("b", 0, At(200), "holder-2"));
  Conclude("a", AttemptEnd::kDead);
  const CredentialRecord record = Load();
  EXPECT_EQ(record.attempt->id, "b");
  EXPECT_EQ(Wall(record.doubt_since), At(100));
  EXPECT_EQ(record.grant, GrantState::kUsable);
  EXPECT_EQ(record.consecutive_failures, 0u);
}

TEST_P(RotationConformance, ManyThreadsRotateManyCredentials) {
  constexpr int kThreads = 8;
  constexpr uint64_t kRotations = 15;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      const std::string name = "many-" + std::to_string(i);
      ASSERT_TRUE(store_->Create(NewRecord(name)).ok());
      for (uint64_t g = 0; g < kRotations; ++g) Rotate(*store_, g, name);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kThreads; ++i) {
    const std::string name = "many-" + std::to_string(i);
    const auto record = store_->Load(name);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->generation, kRotations);
    EXPECT_EQ(record->refresh_token.Reveal(), RefreshTokenOf(name, kRotations));
  }
}

TEST_P(RotationConformance, OfManyHoldersOneBegins) {
  constexpr int kThreads = 8;
  std::atomic<int> begun = 0;
  std::atomic<int> held = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const std::string id = std::to_string(i);
      const auto outcome = store_->Begin(testing::MakeBegin("attempt-" + id, 0, "holder-" + id));
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      if (std::holds_alternative<Begun>(*outcome)) ++begun;
      if (std::holds_alternative<HeldByOther>(*outcome)) ++held;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(held, kThreads - 1);
}

TEST_P(RotationConformance, AGrantReplacedDuringARotationIsReadable) {
  for (int round = 0; round < 30; ++round) {
    const uint64_t generation = Load().generation;
    const std::string attempt = "attempt-" + std::to_string(round);
    const std::string granted = "granted-" + std::to_string(round);
    Begin<Begun>(MakeBegin(attempt, generation));
    std::thread replacing(
        [&] { EXPECT_TRUE(store_->Adopt(kName, Secret(std::string_view(granted))).ok()); });
    EXPECT_TRUE(store_->Commit(MakeRotation(attempt, generation + 1)).ok());
    EXPECT_EQ(Load().grant, GrantState::kUsable);
    replacing.join();
    // Whichever came first: the grant is what stays.
    EXPECT_EQ(Load().refresh_token.Reveal(), granted);
  }
}

}  // namespace
}  // namespace token_service::testing
