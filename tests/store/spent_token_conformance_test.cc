// What every store remembers of refresh tokens: docs/adr/0024-spent-tokens.md.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "tests/store/conformance.h"
#include "tests/store/records.h"

namespace token_service::testing {
namespace {

using broker::Begun;
using broker::CredentialRecord;
using broker::FoundSpent;
using broker::GrantState;
using broker::HeldByOther;
using broker::SeedOutcome;
using broker::SpentToken;
using Became = broker::SeedOutcome::Became;
using Why = broker::SpentToken::Why;

constexpr std::string_view kOther = "other";

class SpentTokenConformance : public ConformanceTest {
 protected:
  // By an operator, or from a file.
  absl::Status Create(std::string_view name, std::string_view token, bool from_file = false) {
    CredentialRecord record = NewRecord(name);
    record.refresh_token = Secret(token);
    record.seed = from_file ? Secret(token) : Secret();
    return store_->Create(record);
  }
  absl::Status Replace(std::string_view token, std::string_view name = kName) {
    return store_->ReplaceRefreshToken(name, Secret(token));
  }
  // The token is in the credential's file.
  SeedOutcome Adopt(std::string_view token, std::string_view name = kName) {
    absl::StatusOr<SeedOutcome> outcome = store_->Adopt(name, Secret(token));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return *std::move(outcome);
  }
  std::optional<Why> RefusedFromFile(std::string_view token, std::string_view name = kName) {
    const SeedOutcome outcome = Adopt(token, name);
    EXPECT_EQ(outcome.became == Became::kSpent, outcome.spent.has_value());
    return outcome.spent.has_value() ? std::optional<Why>(outcome.spent->why) : std::nullopt;
  }
  absl::StatusOr<broker::BeginOutcome> Begin(std::string_view attempt,
                                             std::string_view name = kName) {
    broker::BeginRequest request = MakeBegin(attempt, store_->Load(name)->generation);
    request.name = std::string(name);
    request.take_over = true;
    return store_->Begin(request);
  }
  // The provider answers with this token, or leaves the old one in use.
  void Exchange(std::optional<std::string_view> token, std::string_view name = kName) {
    const std::string attempt = "attempt-" + std::to_string(++attempts_);
    const auto begun = Begin(attempt, name);
    ASSERT_TRUE(begun.ok()) << begun.status();
    ASSERT_TRUE(std::holds_alternative<Begun>(*begun)) << begun->index();
    const CredentialRecord& record = std::get<Begun>(*begun).record;
    broker::Rotation rotation = MakeRotation(attempt, record.reserved_generation, name);
    rotation.grant_serial = record.grant_serial;
    rotation.rotated = token.has_value();
    rotation.refresh_token = token.has_value() ? Secret(*token) : record.refresh_token.Copy();
    BeAt(At(500));
    const auto commit = store_->Commit(rotation);
    ASSERT_TRUE(commit.ok()) << commit.status();
    ASSERT_TRUE(std::holds_alternative<broker::Committed>(*commit));
  }
  // Begun, and nobody knows how it ended.
  void LoseAnswer(std::string_view name = kName) {
    const std::string attempt = "lost-" + std::to_string(++attempts_);
    ASSERT_TRUE(Begin(attempt, name).ok());
    ASSERT_TRUE(store_
                    ->Conclude({.name = std::string(name),
                                .attempt_id = attempt,
                                .end = broker::AttemptEnd::kInDoubt,
                                .error_reason = "PROVIDER_UNAVAILABLE"})
                    .ok());
  }
  std::string Token(std::string_view name = kName) {
    return std::string(store_->Load(name)->refresh_token.Reveal());
  }
  static std::optional<Why> Refused(const absl::Status& status) {
    const auto spent = broker::SpentTokenOf(status);
    EXPECT_TRUE(spent.has_value() || status.ok()) << status;
    return spent.has_value() ? std::optional<Why>(spent->why) : std::nullopt;
  }

  int attempts_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Stores, SpentTokenConformance, ::testing::ValuesIn(AllStores()), KindName);

TEST_P(SpentTokenConformance, WhatARotationReplacedIsNotTakenAgain) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  const absl::Status status = Replace("one");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const std::optional<SpentToken> spent = broker::SpentTokenOf(status);
  ASSERT_TRUE(spent.has_value());
  EXPECT_EQ(spent->why, Why::kSuperseded);
  EXPECT_EQ(spent->since, At(500));
  EXPECT_EQ(Token(), "two");
  EXPECT_EQ(RefusedFromFile("one"), Why::kSuperseded);
  EXPECT_EQ(Refused(Create(kOther, "one")), Why::kSuperseded);
  EXPECT_TRUE(absl::IsNotFound(store_->Load(kOther).status())) << "made all the same";
}

TEST_P(SpentTokenConformance, EachOfALongChainIsRemembered) {
  ASSERT_TRUE(Create(kName, "0").ok());
  for (int i = 1; i <= 20; ++i) Exchange(std::to_string(i));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Refused(Replace(std::to_string(i))), Why::kSuperseded);
  EXPECT_EQ(Token(), "20");
}

TEST_P(SpentTokenConformance, ItIsRememberedAfterReopening) {
  if (!GetParam().durable) GTEST_SKIP();
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  Reopen();
  EXPECT_EQ(Refused(Replace("one")), Why::kSuperseded);
}

TEST_P(SpentTokenConformance, WhatAnOperatorReplacedIsNotTakenAgain) {
  ASSERT_TRUE(Create(kName, "one").ok());
  ASSERT_TRUE(Replace("two").ok());
  EXPECT_EQ(RefusedFromFile("one"), Why::kSuperseded);
  EXPECT_EQ(Token(), "two");
}

TEST_P(SpentTokenConformance, ItIsRememberedWhenTheCredentialIsDeleted) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  ASSERT_TRUE(store_->Delete(kName).ok());
  EXPECT_EQ(Refused(Create(kName, "one")), Why::kSuperseded);
  EXPECT_EQ(Refused(Create(kOther, "one")), Why::kSuperseded);
}

TEST_P(SpentTokenConformance, TheCurrentOneOfADeletedCredentialIsLetGo) {
  ASSERT_TRUE(Create(kName, "one").ok());
  ASSERT_TRUE(store_->Delete(kName).ok());
  EXPECT_EQ(Refused(Create(kName, "one")), std::nullopt);
  Exchange(std::nullopt);  // It does not rotate.
  ASSERT_TRUE(store_->Delete(kName).ok());
  EXPECT_EQ(Refused(Create(kOther, "one")), std::nullopt);
}

TEST_P(SpentTokenConformance, OneThatMayBeConsumedIsNotLetGo) {
  ASSERT_TRUE(Create(kName, "one").ok());
  LoseAnswer();
  ASSERT_TRUE(store_->Delete(kName).ok());
  EXPECT_EQ(Refused(Create(kName, "one")), Why::kSuperseded);

  ASSERT_TRUE(Create(kName, "two").ok());
  ASSERT_TRUE(Begin("in the air").ok());
  ASSERT_TRUE(store_->Delete(kName).ok());
  EXPECT_EQ(Refused(Create(kName, "two")), Why::kSuperseded);
}

TEST_P(SpentTokenConformance, AProviderThatWasSeenToKeepItConsumesNothing) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange(std::nullopt);
  LoseAnswer();
  ASSERT_TRUE(store_->Delete(kName).ok());
  EXPECT_EQ(Refused(Create(kName, "one")), std::nullopt);
}

TEST_P(SpentTokenConformance, TheCurrentOneMayBeGivenAgain) {
  ASSERT_TRUE(Create(kName, "one").ok());
  EXPECT_EQ(Refused(Replace("one")), std::nullopt);
  Exchange("two");
  EXPECT_EQ(Refused(Replace("two")), std::nullopt);
  EXPECT_EQ(Token(), "two");
}

TEST_P(SpentTokenConformance, TheCurrentOneGivenAgainDoesNotForgetAnExchangeUnderWay) {
  ASSERT_TRUE(Create(kName, "one").ok());
  ASSERT_TRUE(Begin("a").ok());
  EXPECT_EQ(Refused(Replace("one")), std::nullopt);
  ASSERT_TRUE(Load().attempt.has_value());
  EXPECT_EQ(Load().attempt->id, "a");
}

TEST_P(SpentTokenConformance, TheCurrentOneGivenAgainDoesNotEndItsDoubt) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  LoseAnswer();
  EXPECT_EQ(Refused(Replace("two")), Why::kMayBeConsumed);
  EXPECT_TRUE(Load().doubt_since.has_value());
  EXPECT_EQ(Refused(Replace("three")), std::nullopt) << "another one does";
  EXPECT_FALSE(Load().doubt_since.has_value());
}

TEST_P(SpentTokenConformance, TheReplayRuleMaySendItAgain) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  LoseAnswer();
  const auto begun = Begin("replay");
  ASSERT_TRUE(begun.ok());
  EXPECT_TRUE(std::holds_alternative<Begun>(*begun));
}

TEST_P(SpentTokenConformance, TheProvidersWordCounts) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  Exchange("one");  // An older one, again.
  EXPECT_EQ(Token(), "one");
  EXPECT_EQ(Refused(Replace("one")), std::nullopt);
  EXPECT_EQ(Refused(Replace("two")), Why::kSuperseded);
  Exchange("one");  // The same one, said to be new.
  EXPECT_EQ(Refused(Replace("one")), std::nullopt);
}

TEST_P(SpentTokenConformance, ARepeatedCommitRemembersTheSame) {
  ASSERT_TRUE(Create(kName, "one").ok());
  const auto begun = Begin("a");
  ASSERT_TRUE(begun.ok());
  broker::Rotation rotation = MakeRotation("a", std::get<Begun>(*begun).record.reserved_generation);
  rotation.grant_serial = std::get<Begun>(*begun).record.grant_serial;
  rotation.refresh_token = Secret(std::string_view("two"));
  rotation.rotated = true;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_->Commit(rotation).ok());
  EXPECT_EQ(Refused(Replace("one")), Why::kSuperseded);
  EXPECT_EQ(Refused(Replace("two")), std::nullopt);
}

// ---- two credentials, one token

TEST_P(SpentTokenConformance, AnOperatorCannotGiveOneTokenToTwoBeforeTheProviderKeptIt) {
  ASSERT_TRUE(Create(kName, "one").ok());
  EXPECT_EQ(Refused(Create(kOther, "one")), Why::kHeldElsewhere);
  Exchange(std::nullopt);
  EXPECT_EQ(Refused(Create(kOther, "one")), std::nullopt);
}

TEST_P(SpentTokenConformance, NobodyIsGivenTheCurrentOneOfACredentialThatRotates) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  EXPECT_EQ(Refused(Create(kOther, "two")), Why::kHeldElsewhere);
  ASSERT_TRUE(Create(kOther, "two", /*from_file=*/true).ok());
  EXPECT_EQ(store_->Load(kOther)->grant, GrantState::kDead);
}

TEST_P(SpentTokenConformance, WhatOneOfTwoSpentTheOtherDoesNotSend) {
  ASSERT_TRUE(Create(kName, "one", /*from_file=*/true).ok());
  ASSERT_TRUE(Create(kOther, "one", /*from_file=*/true).ok());
  Exchange("two");
  const auto outcome = Begin("a", kOther);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_TRUE(std::holds_alternative<FoundSpent>(*outcome));
  EXPECT_EQ(std::get<FoundSpent>(*outcome).since, At(500));
  const CredentialRecord other = *store_->Load(kOther);
  EXPECT_EQ(other.grant, GrantState::kDead);
  EXPECT_EQ(other.last_error_reason, "REFRESH_TOKEN_SPENT");
  EXPECT_FALSE(other.attempt.has_value());
}

TEST_P(SpentTokenConformance, OneOfTwoWaitsWhileTheOtherSendsItForTheFirstTime) {
  ASSERT_TRUE(Create(kName, "one", /*from_file=*/true).ok());
  ASSERT_TRUE(Create(kOther, "one", /*from_file=*/true).ok());
  ASSERT_TRUE(Begin("a").ok());
  const auto outcome = Begin("b", kOther);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<HeldByOther>(*outcome));
  EXPECT_FALSE(store_->Load(kOther)->attempt.has_value());
}

TEST_P(SpentTokenConformance, TwoSendItAtOnceWhereTheProviderKeepsIt) {
  ASSERT_TRUE(Create(kName, "one", /*from_file=*/true).ok());
  ASSERT_TRUE(Create(kOther, "one", /*from_file=*/true).ok());
  Exchange(std::nullopt);
  ASSERT_TRUE(Begin("a").ok());
  const auto outcome = Begin("b", kOther);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<Begun>(*outcome));
}

TEST_P(SpentTokenConformance, WhatOneOfTwoIsGivenInsteadLeavesTheOthersAlone) {
  ASSERT_TRUE(Create(kName, "one", /*from_file=*/true).ok());
  ASSERT_TRUE(Create(kOther, "one", /*from_file=*/true).ok());
  ASSERT_TRUE(Replace("two").ok());
  const auto outcome = Begin("b", kOther);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<Begun>(*outcome));
}

// ---- files

// What became of the file's token in the list of one creation.
TEST_P(SpentTokenConformance, ANewCredentialIsMadeWithoutASpentOneOfItsFile) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  CredentialRecord record = NewRecord(kOther);
  record.refresh_token = Secret(std::string_view("one"));
  record.seed = record.refresh_token.Copy();
  const broker::CredentialChange create =
      broker::CreateCredential{.record = std::move(record), .from_file = true};
  const auto applied = store_->Apply(absl::MakeConstSpan(&create, 1), [] {});
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_EQ(applied->seeds.size(), 1u);
  EXPECT_EQ(applied->seeds[0].name, kOther);
  EXPECT_EQ(applied->seeds[0].became, Became::kSpent);
  EXPECT_EQ(applied->seeds[0].spent->since, At(500));
  ASSERT_EQ(applied->records.size(), 1u);
  EXPECT_EQ(applied->records[0].grant, GrantState::kDead);
  const CredentialRecord made = *store_->Load(kOther);
  EXPECT_EQ(made.grant, GrantState::kDead);
  EXPECT_EQ(made.last_error_reason, "REFRESH_TOKEN_SPENT");
  EXPECT_TRUE(made.refresh_token.empty());
  EXPECT_EQ(made.seed.Reveal(), "one");
}

TEST_P(SpentTokenConformance, AFileThatSaysWhatItSaidChangesNothing) {
  ASSERT_TRUE(Create(kName, "one", /*from_file=*/true).ok());
  Exchange("two");
  EXPECT_EQ(Adopt("one").became, Became::kUnchanged);
  EXPECT_EQ(Token(), "two");
}

TEST_P(SpentTokenConformance, AFileWithAnotherTokenIsAdoptedAndTheOneBeforeIsSpent) {
  ASSERT_TRUE(Create(kName, "one", /*from_file=*/true).ok());
  LoseAnswer();
  const SeedOutcome outcome = Adopt("new");
  EXPECT_EQ(outcome.became, Became::kAdopted);
  EXPECT_FALSE(outcome.shared);
  const CredentialRecord record = *store_->Load(kName);
  EXPECT_EQ(record.refresh_token.Reveal(), "new");
  EXPECT_EQ(record.seed.Reveal(), "new");
  EXPECT_FALSE(record.doubt_since.has_value());
  EXPECT_EQ(RefusedFromFile("one"), Why::kSuperseded);
  EXPECT_EQ(store_->Load(kName)->seed.Reveal(), "new") << "the spent one is told of again";
  EXPECT_EQ(Token(), "new");
}

TEST_P(SpentTokenConformance, AFileWithTheCurrentTokenIsNotedWhateverIsUnderWay) {
  ASSERT_TRUE(Create(kName, "one", /*from_file=*/true).ok());
  Exchange("two");
  ASSERT_TRUE(Begin("under way").ok());
  EXPECT_EQ(Adopt("two").became, Became::kCurrent);
  const CredentialRecord record = *store_->Load(kName);
  EXPECT_EQ(record.seed.Reveal(), "two");
  EXPECT_TRUE(record.attempt.has_value()) << "its answer would be fenced";
}

TEST_P(SpentTokenConformance, TheFileOfAnOperatorsCredentialIsNotedAndNotAdopted) {
  CredentialRecord record = NewRecord();
  record.profile.managed_by_config = false;
  record.refresh_token = Secret(std::string_view("live"));
  record.seed = Secret();
  ASSERT_TRUE(store_->Create(record).ok());
  EXPECT_EQ(Adopt("from a file").became, Became::kNoted);
  EXPECT_EQ(Token(), "live");
  record.profile.managed_by_config = true;
  ASSERT_TRUE(store_->UpdateProfile(kName, record.profile).ok());
  EXPECT_EQ(Adopt("from a file").became, Became::kUnchanged);
  EXPECT_EQ(Adopt("another").became, Became::kAdopted) << "a change of the file counts";
}

TEST_P(SpentTokenConformance, AFileWithAnothersTokenIsAdoptedWithAWordWhileNobodyHasSpentIt) {
  ASSERT_TRUE(Create(kOther, "one", /*from_file=*/true).ok());
  ASSERT_TRUE(Create(kName, "mine", /*from_file=*/true).ok());
  const SeedOutcome outcome = Adopt("one");
  EXPECT_EQ(outcome.became, Became::kAdopted);
  EXPECT_TRUE(outcome.shared);
}

TEST_P(SpentTokenConformance, OneFileForTwoNewCredentialsIsToldOfWithTheSecond) {
  std::vector<broker::CredentialChange> changes;
  for (const std::string_view name : {kName, kOther}) {
    CredentialRecord record = NewRecord(name);
    record.refresh_token = Secret(std::string_view("one"));
    record.seed = record.refresh_token.Copy();
    changes.emplace_back(broker::CreateCredential{.record = std::move(record), .from_file = true});
  }
  const auto applied = store_->Apply(changes, [] {});
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_EQ(applied->seeds.size(), 2u);
  EXPECT_FALSE(applied->seeds[0].shared);
  EXPECT_TRUE(applied->seeds[1].shared);
}

// ---- looking

TEST_P(SpentTokenConformance, ALookSaysWhatAChangeWouldMeet) {
  ASSERT_TRUE(Create(kName, "one").ok());
  Exchange("two");
  const auto look = [this](std::string_view name, std::string_view token) {
    return *store_->LookUp(name, Secret(token));
  };
  EXPECT_EQ(look(kName, "one").spent->since, At(500));
  EXPECT_EQ(look(kOther, "one").spent->why, Why::kSuperseded);
  EXPECT_TRUE(look(kName, "two").current);
  EXPECT_FALSE(look(kName, "two").spent.has_value());
  EXPECT_EQ(look(kOther, "two").spent->why, Why::kHeldElsewhere);
  EXPECT_FALSE(look(kName, "three").spent.has_value());
  EXPECT_FALSE(look(kName, "three").shared);
}

TEST_P(SpentTokenConformance, ACredentialWithoutATokenHoldsNone) {
  ASSERT_TRUE(Create(kName, "").ok());
  ASSERT_TRUE(Create(kOther, "").ok());
  ASSERT_TRUE(Replace("one").ok());
  EXPECT_EQ(Token(), "one");
  EXPECT_EQ(Token(kOther), "");
}

}  // namespace
}  // namespace token_service::testing
