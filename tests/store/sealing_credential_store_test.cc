#include "server/store/sealing_credential_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/store/captured_log.h"
#include "tests/store/memory_key_ledger.h"
#include "tests/store/records.h"
#include "tests/testing/memory_credential_store.h"

namespace token_service::store {
namespace {

using broker::CredentialRecord;
using broker::GrantState;
using testing::At;
using ::testing::HasSubstr;
using testing::kName;
using testing::MakeBegin;
using testing::MakeRotation;
using testing::MemoryCredentialStore;
using testing::NewRecord;
using testing::RefreshTokenOf;
using testing::Rotate;

constexpr char kOld[] = "old AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
constexpr char kNew[] = "new QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n";

Keyring Keys(const std::string& text) { return *Keyring::Parse(text, "ring"); }

// A store that lets the test look at what it was given, and step in.
class WatchedStore final : public MemoryCredentialStore {
 public:
  absl::StatusOr<CredentialRecord> Load(std::string_view name) override {
    absl::StatusOr<CredentialRecord> record = MemoryCredentialStore::Load(name);
    if (after_load) std::exchange(after_load, nullptr)();
    return record;
  }
  absl::Status Apply(absl::Span<const broker::CredentialChange> changes,
                     absl::FunctionRef<void()> progress) override {
    const bool creates = std::holds_alternative<broker::CreateCredential>(changes.front());
    if (creates && before_create) std::exchange(before_create, nullptr)();
    return MemoryCredentialStore::Apply(changes, progress);
  }
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override {
    last_rotation = rotation.Copy();
    return MemoryCredentialStore::Commit(rotation);
  }
  absl::Status Quarantine(const broker::Evidence& evidence) override {
    last_evidence = evidence.body.Copy();
    return MemoryCredentialStore::Quarantine(evidence);
  }

  testing::MemoryKeyLedger ledger{*this};
  std::function<void()> after_load;     // Once.
  std::function<void()> before_create;  // Once.
  broker::Rotation last_rotation;
  Secret last_evidence;
};

class SealingCredentialStoreTest : public ::testing::Test {
 protected:
  SealingCredentialStoreTest() {
    auto inner = std::make_unique<WatchedStore>();
    inner_ = inner.get();
    store_ = *SealingCredentialStore::Create(std::move(inner), inner_->ledger, Keys(kOld));
    EXPECT_TRUE(store_->Create(NewRecord()).ok());
  }

  CredentialRecord Load() { return *store_->Load(kName); }

  WatchedStore* inner_;
  std::unique_ptr<SealingCredentialStore> store_;
};

TEST_F(SealingCredentialStoreTest, TheStoreBeneathSeesNoSecret) {
  Rotate(*store_, 0);
  ASSERT_TRUE(store_
                  ->Quarantine({.name = std::string(kName),
                                .attempt_id = "a",
                                .generation = 1,
                                .body = Secret(std::string_view("plain-evidence"))})
                  .ok());
  const CredentialRecord beneath = *inner_->Load(kName);
  for (const Secret* const secret : std::initializer_list<const Secret*>{
           &beneath.refresh_token, &beneath.seed, &beneath.profile.client_secret,
           &beneath.token->value, &inner_->last_evidence}) {
    EXPECT_FALSE(secret->empty());
    EXPECT_EQ(std::string(secret->Reveal()).find("plain"), std::string::npos);
  }
}

TEST_F(SealingCredentialStoreTest, WhatDoesNotOpenIsUnreadableAndEmptyAndLogged) {
  Rotate(*store_, 0);
  ASSERT_TRUE(inner_->UpdateProfile(kName, NewRecord().profile).ok());  // Not sealed.
  CredentialRecord record;
  const std::string log = testing::CapturedLog([&] { record = Load(); });
  EXPECT_TRUE(record.unreadable);
  EXPECT_TRUE(record.refresh_token.empty());
  EXPECT_TRUE(record.seed.empty());
  EXPECT_TRUE(record.profile.client_secret.empty());
  EXPECT_FALSE(record.token.has_value());
  EXPECT_EQ(record.profile.client_id, "client-7");
  EXPECT_THAT(log, HasSubstr("client_secret"));
  EXPECT_THAT(log, HasSubstr(std::string(kName)));
  EXPECT_EQ(log.find("plain-"), std::string::npos);
  EXPECT_EQ(inner_->Load(kName)->grant, GrantState::kUsable);
}

TEST_F(SealingCredentialStoreTest, ForEachGoesOnPastAnUnreadableRecord) {
  ASSERT_TRUE(store_->Create(NewRecord("zz")).ok());
  ASSERT_TRUE(inner_->UpdateProfile(kName, NewRecord().profile).ok());
  std::vector<bool> unreadable;
  ASSERT_TRUE(
      store_->ForEach([&](CredentialRecord r) { unreadable.push_back(r.unreadable); }).ok());
  EXPECT_THAT(unreadable, ::testing::ElementsAre(true, false));
}

TEST_F(SealingCredentialStoreTest, BeginOnAnUnreadableRecordFailsAndWritesNothing) {
  ASSERT_TRUE(inner_->UpdateProfile(kName, NewRecord().profile).ok());
  EXPECT_EQ(store_->Begin(MakeBegin("a")).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(inner_->Load(kName)->attempt.has_value());
}

TEST_F(SealingCredentialStoreTest, TheRefreshTokenOfAnotherGenerationDoesNotOpen) {
  Rotate(*store_, 0);
  const broker::Rotation first = inner_->last_rotation.Copy();
  Rotate(*store_, 1);
  ASSERT_TRUE(inner_->ReplaceRefreshToken(kName, first.refresh_token, false).ok());
  EXPECT_TRUE(Load().unreadable);
}

TEST_F(SealingCredentialStoreTest, TheAccessTokenInPlaceOfTheRefreshTokenDoesNotOpen) {
  Rotate(*store_, 0);
  ASSERT_TRUE(inner_->ReplaceRefreshToken(kName, inner_->last_rotation.token.value, false).ok());
  EXPECT_TRUE(Load().unreadable);
}

TEST_F(SealingCredentialStoreTest, AnotherCredentialsRefreshTokenDoesNotOpen) {
  ASSERT_TRUE(store_->Create(NewRecord("other")).ok());
  ASSERT_TRUE(inner_->ReplaceRefreshToken(kName, inner_->Load("other")->refresh_token, false).ok());
  EXPECT_TRUE(Load().unreadable);
}

TEST_F(SealingCredentialStoreTest, AGrantOpensUnderItsSerialAndTheNextOnly) {
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted")), true).ok());
  const Secret sealed = inner_->Load(kName)->refresh_token.Copy();
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
  ASSERT_TRUE(inner_->ReplaceRefreshToken(kName, sealed, false).ok());
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
  ASSERT_TRUE(inner_->ReplaceRefreshToken(kName, sealed, false).ok());
  EXPECT_TRUE(Load().unreadable);
}

TEST_F(SealingCredentialStoreTest, ACommitBetweenLookAndWriteLeavesTheGrantReadable) {
  // Lost attempts: the generation that is committed is not the next one.
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_->Begin(MakeBegin("lost")).ok());
  inner_->after_load = [this] {
    ASSERT_TRUE(store_->Begin(MakeBegin("a")).ok());
    ASSERT_TRUE(store_->Commit(MakeRotation("a", 4)).ok());
  };
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted")), true).ok());
  EXPECT_EQ(Load().generation, 4u);
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
}

TEST_F(SealingCredentialStoreTest, ManyCommitsBetweenLookAndWriteLeaveTheGrantReadable) {
  inner_->after_load = [this] {
    for (uint64_t generation = 0; generation < 3; ++generation) Rotate(*store_, generation);
  };
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted")), true).ok());
  EXPECT_EQ(Load().generation, 3u);
  EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
  EXPECT_EQ(Load().seed.Reveal(), "granted");
}

TEST_F(SealingCredentialStoreTest, OpensWithAnOlderKeyAndSealsWithTheFirst) {
  auto inner = std::make_unique<WatchedStore>();
  WatchedStore* const beneath = inner.get();
  ASSERT_TRUE(inner->Create(*inner_->Load(kName)).ok());
  const auto store = SealingCredentialStore::Create(std::move(inner), beneath->ledger,
                                                    Keys(std::string(kNew) + kOld));
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->Load(kName)->refresh_token.Reveal(), RefreshTokenOf(kName, 0));
  Rotate(**store, 0);
  EXPECT_EQ(Sealer::KeyId(beneath->Load(kName)->refresh_token.Reveal()), "new");
}

TEST_F(SealingCredentialStoreTest, AMissingKeyIsRefusedAtTheStartWithItsIdAndCount) {
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("granted")), true).ok());
  ASSERT_TRUE(store_->Create(NewRecord("other")).ok());
  auto inner = std::make_unique<WatchedStore>();
  for (const std::string_view name : {kName, std::string_view("other")}) {
    ASSERT_TRUE(inner->Create(*inner_->Load(name)).ok());
  }
  KeyLedger& ledger = inner->ledger;
  const absl::Status status =
      SealingCredentialStore::Create(std::move(inner), ledger, Keys(kNew)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(status.message()),
            "the keyring lacks key \"old\", which 2 credentials need");
}

// ---- other keys, while the store is in use

class UseKeyringTest : public SealingCredentialStoreTest {
 protected:
  std::string KeyBeneath(std::string_view name = kName) {
    return std::string(Sealer::KeyId(inner_->Load(name)->refresh_token.Reveal()));
  }
  std::vector<std::string> Recorded() {
    std::vector<std::string> ids;
    for (const KeyFact& key : inner_->ledger.recorded()) ids.push_back(key.id);
    return ids;
  }
};

TEST_F(UseKeyringTest, ANewFirstKeySealsFromThenOnAndTheOldOneOpens) {
  ASSERT_TRUE(store_->UseKeyring(Keys(std::string(kNew) + kOld)).ok());
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 0));
  EXPECT_EQ(KeyBeneath(), "old");
  Rotate(*store_, 0);
  EXPECT_EQ(KeyBeneath(), "new");
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("new", "old"));
}

TEST_F(UseKeyringTest, AKeyringWithoutANeededKeyIsRefusedAndChangesNothing) {
  const absl::Status status = store_->UseKeyring(Keys(kNew));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("lacks key \"old\", which 1 credential needs"));
  ASSERT_TRUE(store_->Create(NewRecord("other")).ok());
  EXPECT_EQ(KeyBeneath("other"), "old");
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("old"));
}

TEST_F(UseKeyringTest, AnotherKeyUnderALoadedIdIsRefused) {
  const absl::Status status =
      store_->UseKeyring(Keys("old QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("key \"old\""));
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 0));
}

TEST_F(UseKeyringTest, AKeyThatNothingNeedsAnyMoreCanGo) {
  ASSERT_TRUE(store_->UseKeyring(Keys(std::string(kNew) + kOld)).ok());
  ASSERT_TRUE(store_->Delete(kName).ok());
  ASSERT_TRUE(store_->UseKeyring(Keys(kNew)).ok());
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("new"));
}

// The row would need a key that the keyring is just about to lose.
TEST_F(UseKeyringTest, AKeyThatACallUnderWaySealedWithStays) {
  ASSERT_TRUE(store_->Delete(kName).ok());
  absl::Notification sealed;
  absl::Notification go_on;
  inner_->before_create = [&] {
    sealed.Notify();
    go_on.WaitForNotification();
  };
  std::thread creator([this] { EXPECT_TRUE(store_->Create(NewRecord()).ok()); });
  sealed.WaitForNotification();
  inner_->ledger.after_check = [&] { go_on.Notify(); };  // Nothing is stored yet.
  const absl::Status status = store_->UseKeyring(Keys(kNew));
  creator.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 0));
}

TEST_F(UseKeyringTest, WhenTheRecordCannotBeWrittenEverythingStillOpens) {
  inner_->ledger.next_failure = absl::UnavailableError("disk full");
  EXPECT_EQ(store_->UseKeyring(Keys(std::string(kNew) + kOld)).code(),
            absl::StatusCode::kUnavailable);
  Rotate(*store_, 0);
  EXPECT_EQ(KeyBeneath(), "old") << "sealed with a key that is not on record";
  EXPECT_EQ(Load().generation, 1u);
  ASSERT_TRUE(store_->UseKeyring(Keys(std::string(kNew) + kOld)).ok());
  Rotate(*store_, 1);
  EXPECT_EQ(KeyBeneath(), "new");
}

TEST_F(UseKeyringTest, AWrongKeyUnderTheRightIdIsRefusedAtTheStart) {
  auto inner = std::make_unique<WatchedStore>();
  WatchedStore* const beneath = inner.get();
  ASSERT_TRUE(inner->Create(*inner_->Load(kName)).ok());
  ASSERT_TRUE(beneath->ledger.RecordLoaded(Keys(kOld).Facts()).ok());
  const absl::Status status =
      SealingCredentialStore::Create(std::move(inner), beneath->ledger,
                                     Keys("old QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n"))
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(status.message()),
            "the keyring has another key under the id \"old\", which 1 credential needs");
}

}  // namespace
}  // namespace token_service::store
