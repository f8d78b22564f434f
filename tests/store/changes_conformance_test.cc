// What a store tells of what was written in it.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/store/conformance.h"
#include "tests/store/records.h"

namespace token_service::testing {
namespace {

using broker::CredentialRecord;
using broker::GrantState;

class SharedConformance : public ConformanceTest {};
class OwnConformance : public ConformanceTest {};

INSTANTIATE_TEST_SUITE_P(Stores, SharedConformance, ::testing::ValuesIn(SharedStores()), KindName);
INSTANTIATE_TEST_SUITE_P(Stores, OwnConformance, ::testing::ValuesIn(OwnStores()), KindName);

TEST_P(OwnConformance, WhereNobodyElseWritesNothingIsToldOfChanges) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  const auto changes = store_->ChangesSince("");
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_TRUE(changes->changed.empty());
}

TEST_P(SharedConformance, EveryWriteIsToldOnceToWhoLooks) {
  std::string cursor;
  uint64_t version = 0;
  const auto looks = [&] {
    auto changes = store_->ChangesSince(cursor);
    EXPECT_TRUE(changes.ok()) << changes.status();
    cursor = changes->cursor;
    const bool one = changes->changed.size() == 1 && changes->changed[0].version > version;
    if (one) version = changes->changed[0].version;
    EXPECT_TRUE(one) << changes->changed.size();
    return one ? std::move(changes->changed[0]) : CredentialRecord();
  };
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  EXPECT_EQ(looks().refresh_token.Reveal(), RefreshTokenOf(kName, 0));
  ASSERT_TRUE(store_->Begin(MakeBegin("a")).ok());
  EXPECT_EQ(looks().attempt->id, "a");
  ASSERT_TRUE(store_->Commit(MakeRotation("a")).ok());
  EXPECT_EQ(looks().token->value.Reveal(), AccessTokenOf(kName, 1));
  ASSERT_TRUE(store_->Begin(MakeBegin("b", 1)).ok());
  ASSERT_TRUE(
      store_
          ->Conclude(
              {.name = std::string(kName), .attempt_id = "b", .end = broker::AttemptEnd::kDead})
          .ok());
  EXPECT_EQ(looks().grant, GrantState::kDead);
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("new"))).ok());
  EXPECT_EQ(looks().grant, GrantState::kUsable);
  ASSERT_TRUE(store_->UpdateProfile(kName, NewRecord().profile).ok());
  looks();
  ASSERT_TRUE(store_->Disable(kName).ok());
  EXPECT_TRUE(looks().disabled);
  ASSERT_TRUE(HoldAll(At(500)).ok());
  EXPECT_TRUE(looks().held_since.has_value());
  ASSERT_TRUE(store_->Release(kName).ok());
  EXPECT_FALSE(looks().held_since.has_value());
  ASSERT_TRUE(
      store_->Quarantine({.name = std::string(kName), .attempt_id = "c", .stands = true}).ok());
  looks();
  const auto nothing = store_->ChangesSince(cursor);
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->changed.empty() && nothing->deleted.empty());
}

TEST_P(SharedConformance, WhatIsDeletedIsToldWithWhichItWas) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  const std::string cursor = store_->ChangesSince("")->cursor;
  ASSERT_TRUE(store_->Delete(kName).ok());
  const auto changes = store_->ChangesSince(cursor);
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_TRUE(changes->changed.empty());
  ASSERT_EQ(changes->deleted.size(), 1u);
  EXPECT_EQ(changes->deleted[0].name, kName);
  EXPECT_EQ(changes->deleted[0].create_time, NewRecord().create_time);
}

}  // namespace
}  // namespace token_service::testing
