#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/store/conformance.h"
#include "tests/store/records.h"

namespace token_service::testing {
namespace {

using broker::CredentialRecord;
using broker::GrantState;
using broker::MovedOn;
using ::testing::ElementsAre;

class CredentialConformance : public ConformanceTest {};

INSTANTIATE_TEST_SUITE_P(Stores, CredentialConformance, ::testing::ValuesIn(AllStores()), KindName);

TEST_P(CredentialConformance, CreateKeepsWhatItTakes) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  const CredentialRecord record = Load();
  const CredentialRecord expected = NewRecord();
  EXPECT_EQ(record.name, kName);
  EXPECT_EQ(record.profile.purpose, expected.profile.purpose);
  EXPECT_EQ(record.profile.client_id, expected.profile.client_id);
  EXPECT_EQ(record.profile.token_endpoint, expected.profile.token_endpoint);
  EXPECT_EQ(record.profile.scope, expected.profile.scope);
  EXPECT_EQ(record.profile.client_auth, expected.profile.client_auth);
  EXPECT_EQ(record.profile.provider, expected.profile.provider);
  EXPECT_TRUE(record.profile.client_secret == expected.profile.client_secret);
  EXPECT_TRUE(record.profile.managed_by_config);
  EXPECT_TRUE(record.refresh_token == expected.refresh_token);
  EXPECT_TRUE(record.seed == expected.seed);
  EXPECT_EQ(record.create_time, expected.create_time);
}

TEST_P(CredentialConformance, CreateStartsAfreshWhateverElseTheRecordHolds) {
  CredentialRecord record = NewRecord();
  record.generation = 9;
  record.rotates = true;
  record.grant = GrantState::kClientRefused;
  record.token = broker::StoredAt(At(4), MakeRotation("x", 9).token);
  record.attempt = broker::Attempt{.id = "a"};
  record.doubt_since = At(5);
  record.last_error_reason = "PROVIDER_UNAVAILABLE";
  record.consecutive_failures = 4;
  ASSERT_TRUE(store_->Create(record).ok());
  const CredentialRecord stored = Load();
  EXPECT_EQ(stored.generation, 0u);
  EXPECT_FALSE(stored.rotates);
  EXPECT_EQ(stored.grant, GrantState::kUsable);
  EXPECT_FALSE(stored.token.has_value());
  EXPECT_FALSE(stored.attempt.has_value());
  EXPECT_FALSE(stored.doubt_since.has_value());
  EXPECT_EQ(stored.last_error_reason, "");
  EXPECT_EQ(stored.consecutive_failures, 0u);
  EXPECT_FALSE(stored.last_refresh_time.has_value());
}

TEST_P(CredentialConformance, CreateRefusesATakenName) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  CredentialRecord other = NewRecord();
  other.profile.purpose = "another";
  EXPECT_EQ(store_->Create(other).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Load().profile.purpose, "answers tickets");
}

TEST_P(CredentialConformance, EmptySecretsComeBackEmpty) {
  CredentialRecord record = NewRecord();
  record.seed = Secret();
  record.profile.client_secret = Secret();
  ASSERT_TRUE(store_->Create(record).ok());
  EXPECT_EQ(Load().grant, GrantState::kUsable);
  EXPECT_TRUE(Load().seed.empty());
  EXPECT_TRUE(Load().profile.client_secret.empty());
}

TEST_P(CredentialConformance, ForEachVisitsInOrderOfName) {
  for (const char* const name : {"b", "a.z", "c", "a"}) {
    ASSERT_TRUE(store_->Create(NewRecord(name)).ok());
  }
  std::vector<std::string> names;
  ASSERT_TRUE(store_->ForEach([&](CredentialRecord r) { names.push_back(r.name); }).ok());
  EXPECT_THAT(names, ElementsAre("a", "a.z", "b", "c"));
}

TEST_P(CredentialConformance, ForEachGivesWhatLoadGives) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  Rotate(*store_, 0);
  ASSERT_TRUE(store_
                  ->ForEach([&](CredentialRecord record) {
                    EXPECT_EQ(record.refresh_token.Reveal(), RefreshTokenOf(kName, 1));
                    EXPECT_EQ(record.token->value.Reveal(), AccessTokenOf(kName, 1));
                    EXPECT_EQ(record.generation, 1u);
                  })
                  .ok());
}

TEST_P(CredentialConformance, ForEachOfNothingIsOk) {
  EXPECT_TRUE(store_->ForEach([](CredentialRecord) { ADD_FAILURE(); }).ok());
}

TEST_P(CredentialConformance, EveryCallOnAnUnknownNameIsNotFound) {
  const auto not_found = absl::StatusCode::kNotFound;
  EXPECT_EQ(store_->Load("nobody").status().code(), not_found);
  EXPECT_EQ(store_->UpdateProfile("nobody", {}).code(), not_found);
  EXPECT_EQ(store_->ReplaceRefreshToken("nobody", Secret()).code(), not_found);
  EXPECT_EQ(store_->Disable("nobody").code(), not_found);
  EXPECT_EQ(store_->Delete("nobody").code(), not_found);
  EXPECT_EQ(store_->CountEvidence("nobody").status().code(), not_found);
  EXPECT_EQ(store_->Begin(MakeBegin("a")).status().code(), not_found);
  EXPECT_EQ(store_->Commit(MakeRotation("a")).status().code(), not_found);
  EXPECT_EQ(store_->Conclude({.name = "nobody", .attempt_id = "a"}).code(), not_found);
  EXPECT_EQ(store_->Quarantine({.name = "nobody", .attempt_id = "a"}).code(), not_found);
}

TEST_P(CredentialConformance, UpdateProfileReplacesTheProfileAndNothingElse) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  Rotate(*store_, 0);
  broker::CredentialProfile profile = NewRecord().profile.Copy();
  profile.purpose = "new purpose";
  profile.client_secret = Secret(std::string_view("new secret"));
  profile.managed_by_config = false;
  ASSERT_TRUE(store_->UpdateProfile(kName, profile).ok());
  const CredentialRecord record = Load();
  EXPECT_EQ(record.profile.purpose, "new purpose");
  EXPECT_EQ(record.profile.client_secret.Reveal(), "new secret");
  EXPECT_FALSE(record.profile.managed_by_config);
  EXPECT_EQ(record.generation, 1u);
  EXPECT_EQ(record.refresh_token.Reveal(), RefreshTokenOf(kName, 1));
}

TEST_P(CredentialConformance, ANewGrantForgetsTroublesAndKeepsTheToken) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  Rotate(*store_, 0);
  for (const auto end : {broker::AttemptEnd::kInDoubt, broker::AttemptEnd::kClientRefused}) {
    ASSERT_TRUE(store_->Begin(MakeBegin("a", 1)).ok());
    ASSERT_TRUE(store_
                    ->Conclude({.name = std::string(kName),
                                .attempt_id = "a",
                                .end = end,
                                .error_reason = "CLIENT_REJECTED"})
                    .ok());
  }
  ASSERT_TRUE(store_->Begin(MakeBegin("b", 1)).ok());
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted"))).ok());
  const CredentialRecord record = Load();
  EXPECT_EQ(record.refresh_token.Reveal(), "granted");
  EXPECT_EQ(record.seed.Reveal(), "plain-seed");
  EXPECT_EQ(record.grant, GrantState::kUsable);
  EXPECT_FALSE(record.attempt.has_value());
  EXPECT_FALSE(record.doubt_since.has_value());
  EXPECT_EQ(record.last_error_reason, "");
  EXPECT_EQ(record.consecutive_failures, 0u);
  EXPECT_EQ(record.generation, 1u);
  EXPECT_TRUE(record.rotates);
  EXPECT_EQ(record.token->value.Reveal(), AccessTokenOf(kName, 1));
}

TEST_P(CredentialConformance, AMoveReplacesProfileAndGrantTogether) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  Rotate(*store_, 0);
  ASSERT_TRUE(store_->Begin(MakeBegin("a", 1)).ok());
  broker::CredentialProfile profile = NewRecord().profile.Copy();
  profile.token_endpoint = "https://elsewhere.example/token";
  profile.client_secret = Secret(std::string_view("new secret"));
  ASSERT_TRUE(store_->Move(kName, profile, Secret(std::string_view("granted"))).ok());
  const CredentialRecord record = Load();
  EXPECT_EQ(record.profile.token_endpoint, "https://elsewhere.example/token");
  EXPECT_EQ(record.profile.client_secret.Reveal(), "new secret");
  EXPECT_EQ(record.refresh_token.Reveal(), "granted");
  EXPECT_EQ(record.seed.Reveal(), "plain-seed");
  EXPECT_EQ(record.token->value.Reveal(), AccessTokenOf(kName, 1));
  // What was out for the old grant is fenced.
  const auto late = store_->Commit(MakeRotation("a", 2));
  ASSERT_TRUE(late.ok());
  EXPECT_TRUE(std::holds_alternative<broker::Fenced>(*late));
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
  EXPECT_EQ(store_->Move("nobody", {}, Secret()).code(), absl::StatusCode::kNotFound);
}

TEST_P(CredentialConformance, AGrantFromAFileIsTheSeedToo) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  Rotate(*store_, 0);
  ASSERT_TRUE(store_->Adopt(kName, Secret(std::string_view("granted"))).ok());
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
  EXPECT_EQ(Load().seed.Reveal(), "granted");
  Rotate(*store_, 1);
  Rotate(*store_, 2);
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 3));
  EXPECT_EQ(Load().seed.Reveal(), "granted");
}

TEST_P(CredentialConformance, DisablesAndEnables) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(store_->Disable(kName).ok());
  if (GetParam().durable) Reopen();
  EXPECT_TRUE(Load().disabled);
  ASSERT_TRUE(store_->Enable(kName).ok());
  EXPECT_FALSE(Load().disabled);
}

// It may have been in the air when it was taken out of the configuration.
TEST_P(CredentialConformance, WhatIsRefreshedStaysDisabled) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(store_->Disable(kName).ok());
  Rotate(*store_, 0);
  EXPECT_TRUE(Load().disabled);
  ASSERT_TRUE(store_->Begin(MakeBegin("a", 1)).ok());
  ASSERT_TRUE(store_
                  ->Conclude({.name = std::string(kName),
                              .attempt_id = "a",
                              .end = broker::AttemptEnd::kClientRefused})
                  .ok());
  ASSERT_TRUE(store_->Adopt(kName, Secret(std::string_view("granted"))).ok());
  EXPECT_TRUE(Load().disabled);
}

TEST_P(CredentialConformance, ADeadGrantStaysDeadWhetherDisabledOrEnabled) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(store_->Begin(MakeBegin("a")).ok());
  ASSERT_TRUE(
      store_
          ->Conclude(
              {.name = std::string(kName), .attempt_id = "a", .end = broker::AttemptEnd::kDead})
          .ok());
  ASSERT_TRUE(store_->Disable(kName).ok());
  ASSERT_TRUE(store_->Enable(kName).ok());
  EXPECT_EQ(Load().grant, GrantState::kDead);
}

// ---- held

TEST_P(CredentialConformance, AHeldCredentialIsNotBegunAndStaysAsItIs) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  Rotate(*store_, 0);
  ASSERT_TRUE(HoldAll(At(500)).ok());
  const auto begin = store_->Begin(MakeBegin("a", 1));
  ASSERT_TRUE(begin.ok()) << begin.status();
  const auto* moved = std::get_if<MovedOn>(&*begin);
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(moved->record.held_since, At(500));
  EXPECT_FALSE(Load().attempt.has_value());
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 1));
  EXPECT_EQ(Load().grant, GrantState::kUsable);
}

TEST_P(CredentialConformance, AHoldKeepsItsTimeAndSurvivesTheObject) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(HoldAll(At(500)).ok());
  ASSERT_TRUE(HoldAll(At(600)).ok());
  if (GetParam().durable) Reopen();
  EXPECT_EQ(Load().held_since, At(500));
}

TEST_P(CredentialConformance, AReleasedOneIsBegunAgain) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(HoldAll(At(500)).ok());
  ASSERT_TRUE(store_->Release(kName).ok());
  EXPECT_FALSE(Load().held_since.has_value());
  Rotate(*store_, 0);
  EXPECT_TRUE(store_->Release(kName).ok());
  EXPECT_EQ(store_->Release("nobody").code(), absl::StatusCode::kNotFound);
}

// Or one could be let go by taking it out of the configuration and putting it back.
TEST_P(CredentialConformance, AHoldOutlivesBeingDisabled) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(HoldAll(At(500)).ok());
  ASSERT_TRUE(store_->Disable(kName).ok());
  ASSERT_TRUE(store_->Enable(kName).ok());
  EXPECT_EQ(Load().held_since, At(500));
}

TEST_P(CredentialConformance, AnOperatorsNewGrantEndsAHoldAndAFilesDoesNot) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(HoldAll(At(500)).ok());
  ASSERT_TRUE(store_->Adopt(kName, Secret(std::string_view("file"))).ok());
  EXPECT_EQ(Load().held_since, At(500));
  EXPECT_EQ(Load().refresh_token.Reveal(), "file");
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("rpc"))).ok());
  EXPECT_FALSE(Load().held_since.has_value());
}

TEST_P(CredentialConformance, SeveralChangesAreDoneTogether) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  std::vector<broker::CredentialChange> changes;
  changes.emplace_back(broker::CreateCredential{NewRecord("another")});
  changes.emplace_back(broker::ReplaceGrant{.name = std::string(kName),
                                            .refresh_token = Secret(std::string_view("granted"))});
  changes.emplace_back(broker::SetDisabled{.name = std::string(kName), .disabled = true});
  int progress = 0;
  ASSERT_TRUE(store_->Apply(changes, [&progress] { ++progress; }).ok());
  EXPECT_GE(progress, 3);
  EXPECT_TRUE(store_->Load("another").ok());
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
  EXPECT_TRUE(Load().disabled);
}

TEST_P(CredentialConformance, OfSeveralChangesNoneIsDoneWhenOneCannotBe) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  std::vector<broker::CredentialChange> changes;
  changes.emplace_back(broker::CreateCredential{NewRecord("another")});
  changes.emplace_back(broker::ReplaceGrant{.name = std::string(kName),
                                            .refresh_token = Secret(std::string_view("granted"))});
  changes.emplace_back(broker::CreateCredential{NewRecord()});
  EXPECT_EQ(store_->Apply(changes, [] {}).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(absl::IsNotFound(store_->Load("another").status()));
  EXPECT_TRUE(Load().refresh_token == NewRecord().refresh_token);
}

TEST_P(CredentialConformance, DeleteTakesTheEvidenceAlong) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(store_->Quarantine({.name = std::string(kName), .attempt_id = "a"}).ok());
  EXPECT_EQ(*store_->CountEvidence(kName), 1);
  ASSERT_TRUE(store_->Delete(kName).ok());
  EXPECT_EQ(store_->Load(kName).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  EXPECT_EQ(*store_->CountEvidence(kName), 0);
}

TEST_P(CredentialConformance, EvidenceIsCountedForItsOwnCredential) {
  ASSERT_TRUE(store_->Create(NewRecord("a")).ok());
  ASSERT_TRUE(store_->Create(NewRecord("b")).ok());
  ASSERT_TRUE(
      store_->Quarantine({.name = "a", .attempt_id = "1", .body = Secret(std::string_view("x"))})
          .ok());
  ASSERT_TRUE(
      store_->Quarantine({.name = "a", .attempt_id = "2", .body = Secret(std::string_view("y"))})
          .ok());
  EXPECT_EQ(*store_->CountEvidence("a"), 2);
  EXPECT_EQ(*store_->CountEvidence("b"), 0);
}

TEST_P(CredentialConformance, EverythingIsThereAfterReopening) {
  if (!GetParam().durable) GTEST_SKIP() << "in memory";
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  BeAt(At(100));
  Rotate(*store_, 0);
  ASSERT_TRUE(store_->Begin(MakeBegin("lost", 1, At(200))).ok());
  ASSERT_TRUE(store_->Begin(MakeBegin("live", 1, At(300))).ok());
  ASSERT_TRUE(store_->Quarantine({.name = std::string(kName), .attempt_id = "a"}).ok());
  Reopen();
  const CredentialRecord record = Load();
  EXPECT_EQ(record.generation, 1u);
  EXPECT_TRUE(record.rotates);
  EXPECT_EQ(record.refresh_token.Reveal(), RefreshTokenOf(kName, 1));
  EXPECT_EQ(record.seed.Reveal(), "plain-seed");
  ASSERT_TRUE(record.token.has_value());
  EXPECT_EQ(record.token->value.Reveal(), AccessTokenOf(kName, 1));
  EXPECT_EQ(record.token->token_type, "Bearer");
  EXPECT_EQ(record.token->scope, "tickets:read tickets:write");
  EXPECT_EQ(record.token->issued.wall, At(100));
  EXPECT_EQ(record.token->expires, At(3700));
  EXPECT_EQ(record.last_refresh_time, record.token->issued.wall);
  ASSERT_TRUE(record.attempt.has_value());
  EXPECT_EQ(record.attempt->id, "live");
  EXPECT_EQ(record.attempt->holder, "holder-1");
  EXPECT_EQ(record.attempt->begun.wall, At(300));
  EXPECT_EQ(record.attempt->lease_end, At(360));
  EXPECT_EQ(Wall(record.doubt_since), At(200));
  EXPECT_EQ(*store_->CountEvidence(kName), 1);
}

TEST_P(CredentialConformance, MomentsKeepTheirBoot) {
  if (!GetParam().durable) GTEST_SKIP() << "in memory";
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(store_->Begin(MakeBegin("a")).ok());
  broker::Rotation rotation = MakeRotation("a");
  rotation.token.age = absl::Nanoseconds(1'000'000'007);
  const Moment issued = MomentBefore(clock_.MomentNow(), rotation.token.age);
  ASSERT_TRUE(store_->Commit(rotation).ok());
  ASSERT_TRUE(store_->Begin(MakeBegin("lost", 1, At(200))).ok());
  const Moment lost = MomentBefore(clock_.MomentNow(), absl::Seconds(31));
  ASSERT_TRUE(store_
                  ->Conclude({.name = std::string(kName),
                              .attempt_id = "lost",
                              .end = broker::AttemptEnd::kInDoubt,
                              .lost_ago = absl::Seconds(31)})
                  .ok());
  clock_.Reboot();
  ASSERT_TRUE(store_->Begin(MakeBegin("live", 1, At(300))).ok());
  const Moment begun = clock_.MomentNow();
  Reopen();
  const CredentialRecord record = Load();
  EXPECT_EQ(record.token->issued, issued);
  EXPECT_EQ(record.doubt_since, lost);
  EXPECT_EQ(record.attempt->begun, begun);
  EXPECT_NE(begun.boot_id, lost.boot_id);
}

}  // namespace
}  // namespace token_service::testing
