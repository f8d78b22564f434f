// Secrets in the file, as whoever has it and no key sees them, and as the store does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/synchronization/notification.h"
#include "server/store/sealing/keyring.h"
#include "server/store/sealing/sealer.h"
#include "server/store/sqlite/key_rows.h"
#include "server/store/sqlite/sqlite_connection.h"
#include "server/store/sqlite/sqlite_credential_store.h"
#include "server/store/sqlite/sqlite_database.h"
#include "server/store/store_paths.h"
#include "tests/store/faulty_vfs.h"
#include "tests/store/raw_rows.h"
#include "tests/store/records.h"
#include "tests/testing/captured_log.h"
#include "tests/testing/temp_dir.h"

namespace token_service::store {
namespace {

using broker::CredentialRecord;
using broker::GrantState;
using ::testing::HasSubstr;
using testing::kName;
using testing::MakeBegin;
using testing::MakeRotation;
using testing::NewRecord;
using testing::RefreshTokenOf;
using testing::Rotate;

constexpr char kOld[] = "old AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
constexpr char kNew[] = "new QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n";

Keyring Keys(const std::string& text) { return *Keyring::Parse(text, "ring"); }

class SealedRowsTest : public ::testing::Test {
 protected:
  SealedRowsTest() {
    store_ = *Open(Keys(kOld));
    EXPECT_TRUE(store_->Create(NewRecord()).ok());
  }

  absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> Open(Keyring keyring) {
    store_.reset();
    auto database =
        SqliteDatabase::Open({.data_dir = dir_.path(), .vfs = testing::FaultyVfs::name()});
    if (!database.ok()) return database.status();
    return SqliteCredentialStore::Open(*std::move(database), std::move(keyring));
  }

  CredentialRecord Load() { return *store_->Load(kName); }
  // As it lies.
  CredentialRecord Beneath(std::string_view name = kName) {
    return std::move(testing::RawRow(dir_.path(), name).record);
  }
  void Tamper(absl::FunctionRef<void(CredentialRecord&)> change) {
    testing::ChangeRawRow(dir_.path(), kName, [&](StoredRow& row) { change(row.record); });
  }
  void Damage() {
    Tamper([](CredentialRecord& record) {
      record.profile.client_secret = Secret(std::string_view("plain-client-secret"));
    });
  }

  testing::TempDir dir_;
  testing::FaultyVfs disk_;
  std::unique_ptr<SqliteCredentialStore> store_;
};

TEST_F(SealedRowsTest, TheFileHoldsNoSecret) {
  Rotate(*store_, 0);
  ASSERT_TRUE(store_
                  ->Quarantine({.name = std::string(kName),
                                .attempt_id = "a",
                                .generation = 1,
                                .body = Secret(std::string_view("plain-evidence"))})
                  .ok());
  const CredentialRecord beneath = Beneath();
  for (const Secret* const secret : std::initializer_list<const Secret*>{
           &beneath.refresh_token, &beneath.seed, &beneath.profile.client_secret,
           &beneath.token->value}) {
    EXPECT_FALSE(secret->empty());
    EXPECT_EQ(std::string(secret->Reveal()).find("plain"), std::string::npos);
  }
}

TEST_F(SealedRowsTest, WhatDoesNotOpenIsUnreadableAndEmptyAndLogged) {
  Rotate(*store_, 0);
  Damage();
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
  EXPECT_EQ(Beneath().grant, GrantState::kUsable);
}

TEST_F(SealedRowsTest, ForEachGoesOnPastAnUnreadableRecord) {
  ASSERT_TRUE(store_->Create(NewRecord("zz")).ok());
  Damage();
  std::vector<bool> unreadable;
  ASSERT_TRUE(
      store_->ForEach([&](CredentialRecord r) { unreadable.push_back(r.unreadable); }).ok());
  EXPECT_THAT(unreadable, ::testing::ElementsAre(true, false));
}

TEST_F(SealedRowsTest, BeginOnAnUnreadableRecordFailsAndWritesNothing) {
  Damage();
  EXPECT_EQ(store_->Begin(MakeBegin("a")).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(Beneath().attempt.has_value());
}

TEST_F(SealedRowsTest, ACommitOnAnUnreadableRecordIsFencedAndWritesNothing) {
  ASSERT_TRUE(store_->Begin(MakeBegin("a")).ok());
  Damage();
  const auto outcome = store_->Commit(MakeRotation("a"));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(std::holds_alternative<broker::Fenced>(*outcome));
  EXPECT_EQ(Beneath().generation, 0u);
  EXPECT_TRUE(store_->Quarantine({.name = std::string(kName), .attempt_id = "a"}).ok());
}

TEST_F(SealedRowsTest, AnEarlierRefreshTokenDoesNotOpen) {
  Rotate(*store_, 0);
  const Secret first = Beneath().refresh_token.Copy();
  Rotate(*store_, 1);
  Tamper([&](CredentialRecord& record) { record.refresh_token = first.Copy(); });
  EXPECT_TRUE(Load().unreadable);
}

TEST_F(SealedRowsTest, TheAccessTokenInPlaceOfTheRefreshTokenDoesNotOpen) {
  Rotate(*store_, 0);
  Tamper([](CredentialRecord& record) { record.refresh_token = record.token->value.Copy(); });
  EXPECT_TRUE(Load().unreadable);
}

TEST_F(SealedRowsTest, AnotherCredentialsRefreshTokenDoesNotOpen) {
  CredentialRecord other = NewRecord("other");
  ASSERT_TRUE(store_->Create(other).ok());
  const Secret theirs = Beneath("other").refresh_token.Copy();
  Tamper([&](CredentialRecord& record) { record.refresh_token = theirs.Copy(); });
  EXPECT_TRUE(Load().unreadable);
}

TEST_F(SealedRowsTest, WhatIsNotChangedStaysAsItLies) {
  const CredentialRecord before = Beneath();
  ASSERT_TRUE(store_->Begin(MakeBegin("a")).ok());
  EXPECT_TRUE(Beneath().refresh_token == before.refresh_token);
  ASSERT_TRUE(store_->Commit(MakeRotation("a")).ok());
  const CredentialRecord after = Beneath();
  EXPECT_FALSE(after.refresh_token == before.refresh_token);
  EXPECT_TRUE(after.seed == before.seed);
  EXPECT_TRUE(after.profile.client_secret == before.profile.client_secret);
  ASSERT_TRUE(store_->Disable(kName).ok());
  EXPECT_TRUE(Beneath().token->value == after.token->value);
}

// The same refresh token, with another serial.
TEST_F(SealedRowsTest, AGrantReplacedByItselfOpensHoweverOften) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(store_->Adopt(kName, Secret(std::string_view("granted"))).ok());
    EXPECT_EQ(Load().refresh_token.Reveal(), "granted");
    EXPECT_EQ(Load().seed.Reveal(), "granted");
  }
}

TEST_F(SealedRowsTest, AProviderThatKeepsTheRefreshTokenLeavesItReadable) {
  for (uint64_t generation = 0; generation < 4; ++generation) {
    ASSERT_TRUE(store_->Begin(MakeBegin("a", generation)).ok());
    broker::Rotation rotation = MakeRotation("a", generation + 1);
    rotation.rotated = false;
    rotation.refresh_token = NewRecord().refresh_token.Copy();
    ASSERT_TRUE(store_->Commit(rotation).ok());
    EXPECT_TRUE(Load().refresh_token == NewRecord().refresh_token);
  }
}

// ---- as older versions sealed

class OldFormsTest : public SealedRowsTest {
 protected:
  Secret Sealed(std::string_view field, uint64_t number, std::string_view plain) {
    return Sealer(Keys(kOld)).Seal({kName, field, number}, Secret(plain));
  }
};

TEST_F(OldFormsTest, ARefreshTokenOfARotationOpensAndIsSealedAnewWhenItChanges) {
  Rotate(*store_, 0);
  Tamper([&](CredentialRecord& record) {
    record.refresh_token = Sealed("refresh_token", record.generation, "old form");
  });
  EXPECT_EQ(Load().refresh_token.Reveal(), "old form");
  ASSERT_TRUE(store_->Disable(kName).ok());
  ASSERT_TRUE(store_->Enable(kName).ok());
  EXPECT_EQ(Load().refresh_token.Reveal(), "old form");
  Rotate(*store_, 1);
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 2));
}

TEST_F(OldFormsTest, AGrantOpensUnderItsSerialAndTheNextOnly) {
  const uint64_t serial = Load().grant_serial;
  for (const auto& [at, opens] :
       {std::pair{serial, true}, {serial - 1, true}, {serial - 2, false}, {serial + 1, false}}) {
    Tamper([&, at = at](CredentialRecord& record) {
      record.refresh_token = Sealed("grant", at, "granted");
    });
    EXPECT_EQ(Load().unreadable, !opens) << at - serial;
  }
}

TEST_F(OldFormsTest, ATokenStoredForBothPlacesOpensInBoth) {
  Tamper([&](CredentialRecord& record) {
    const Secret seed = Sealed("seed", 0, "from a file");
    const Secret grant = Sealed("grant", record.grant_serial, "from a file");
    std::string pair{2};
    for (int shift = 0; shift < 32; shift += 8) {
      pair.push_back(static_cast<char>(seed.size() >> shift));
    }
    pair.append(seed.Reveal()).append(grant.Reveal());
    record.refresh_token = Secret(std::string_view(pair));
    record.seed = Secret(std::string_view(pair));
  });
  EXPECT_EQ(Load().refresh_token.Reveal(), "from a file");
  EXPECT_EQ(Load().seed.Reveal(), "from a file");
  Rotate(*store_, 0);
  EXPECT_EQ(Load().seed.Reveal(), "from a file");
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 1));
}

// ---- keys at the start

TEST_F(SealedRowsTest, OpensWithAnOlderKeyAndSealsWithTheFirst) {
  store_ = *Open(Keys(std::string(kNew) + kOld));
  EXPECT_EQ(Load().refresh_token.Reveal(), RefreshTokenOf(kName, 0));
  Rotate(*store_, 0);
  EXPECT_EQ(Sealer::KeyId(Beneath().refresh_token.Reveal()), "new");
}

TEST_F(SealedRowsTest, AMissingKeyIsRefusedAtTheStartWithItsIdAndCount) {
  ASSERT_TRUE(store_->Adopt(kName, Secret(std::string_view("granted"))).ok());
  CredentialRecord other = NewRecord("other");
  ASSERT_TRUE(store_->Create(other).ok());
  const absl::Status status = Open(Keys(kNew)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the keyring lacks key \"old\", which 2 credentials"));
}

// ---- other keys, while the store is in use

class UseKeyringTest : public SealedRowsTest {
 protected:
  std::string KeyBeneath(std::string_view name = kName) {
    return std::string(Sealer::KeyId(Beneath(name).refresh_token.Reveal()));
  }
  std::vector<std::string> Recorded() {
    auto connection = SqliteConnection::Open({.path = DatabasePath(dir_.path())});
    std::vector<std::string> ids;
    const auto facts = ReadKeyFacts(**connection);
    for (const KeyFact& key : *facts) ids.push_back(key.id);
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
  EXPECT_THAT(std::string(status.message()), HasSubstr("lacks key \"old\", which 1 credential"));
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

// The row would need a key that the keyring is just about to lose.
TEST_F(UseKeyringTest, AKeyThatACallUnderWaySealsWithStays) {
  absl::Notification sealed;
  absl::Notification go_on;
  const broker::CredentialChange create = broker::CreateCredential{NewRecord("other")};
  std::thread creator([&] {
    EXPECT_TRUE(store_
                    ->Apply(absl::MakeConstSpan(&create, 1),
                            [&] {
                              sealed.Notify();
                              go_on.WaitForNotification();
                            })
                    .ok());
  });
  sealed.WaitForNotification();
  absl::Status status;
  std::thread other_keys([&] { status = store_->UseKeyring(Keys(kNew)); });
  go_on.Notify();
  creator.join();
  other_keys.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->Load("other")->refresh_token == NewRecord("other").refresh_token);
}

TEST_F(UseKeyringTest, WhenTheRecordCannotBeWrittenEverythingStillOpens) {
  disk_.FailWrites(SQLITE_FULL);
  EXPECT_EQ(store_->UseKeyring(Keys(std::string(kNew) + kOld)).code(),
            absl::StatusCode::kUnavailable);
  disk_.FailWrites(SQLITE_OK);
  Rotate(*store_, 0);
  EXPECT_EQ(KeyBeneath(), "old") << "sealed with a key that is not on record";
  EXPECT_EQ(Load().generation, 1u);
  ASSERT_TRUE(store_->UseKeyring(Keys(std::string(kNew) + kOld)).ok());
  Rotate(*store_, 1);
  EXPECT_EQ(KeyBeneath(), "new");
}

TEST_F(UseKeyringTest, AWrongKeyUnderTheRightIdIsRefusedAtTheStart) {
  const absl::Status status =
      Open(Keys("old QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the keyring has another key under the id \"old\", which 1 credential"));
}

}  // namespace
}  // namespace token_service::store
