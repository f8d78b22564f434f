#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/store/sealing/keyring.h"
#include "server/store/sqlite/sqlite_credential_store.h"
#include "server/store/sqlite/sqlite_database.h"
#include "tests/store/faulty_vfs.h"
#include "tests/store/records.h"
#include "tests/testing/temp_dir.h"

namespace token_service::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DiskFault : public ::testing::Test {
 protected:
  DiskFault() {
    Open();
    EXPECT_TRUE(store_->Create(NewRecord()).ok());
    EXPECT_TRUE(store_->Begin(MakeBegin("a")).ok());
  }

  void Open() {
    auto database =
        store::SqliteDatabase::Open({.data_dir = dir_.path(), .vfs = FaultyVfs::name()});
    ASSERT_TRUE(database.ok()) << database.status();
    auto store = store::SqliteCredentialStore::Open(
        *std::move(database), *store::Keyring::LoadOrCreate(dir_.File("sealing.key")));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // Still the record that the constructor made, as a later process would find it.
  void ExpectUntouchedAfterReopening() {
    store_.reset();
    Open();
    const auto record = store_->Load(kName);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->generation, 0u);
    EXPECT_EQ(record->attempt->id, "a");
  }

  void ExpectCommitWorks() {
    const auto outcome = store_->Commit(MakeRotation("a"));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_TRUE(std::holds_alternative<broker::Committed>(*outcome));
    EXPECT_EQ(store_->Load(kName)->generation, 1u);
  }

  TempDir dir_;
  FaultyVfs disk_;
  std::unique_ptr<store::SqliteCredentialStore> store_;
};

TEST_F(DiskFault, AFullDiskIsUnavailableAndNamedSo) {
  disk_.FailWrites(SQLITE_FULL);
  const absl::Status status = store_->Commit(MakeRotation("a")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("SQLITE_FULL"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("plain-")));
  disk_.FailWrites(SQLITE_OK);
  ExpectUntouchedAfterReopening();
}

TEST_F(DiskFault, OfSeveralChangesNoneIsDoneWhenTheDiskFails) {
  std::vector<broker::CredentialChange> changes;
  for (int i = 0; i < 50; ++i) {
    changes.emplace_back(broker::CreateCredential{.record = NewRecord("new-" + std::to_string(i))});
  }
  changes.emplace_back(broker::ReplaceGrant{.name = std::string(kName),
                                            .refresh_token = Secret(std::string_view("granted"))});
  const auto expect_nothing_done = [this] {
    EXPECT_TRUE(absl::IsNotFound(store_->Load("new-0").status()));
    EXPECT_NE(store_->Load(kName)->refresh_token.Reveal(), "granted");
  };
  disk_.FailWrites(SQLITE_FULL);
  EXPECT_EQ(store_->Apply(changes, [] {}).status().code(), absl::StatusCode::kUnavailable);
  expect_nothing_done();
  disk_.FailWrites(SQLITE_OK);
  disk_.FailSyncs(SQLITE_IOERR_FSYNC);
  EXPECT_EQ(store_->Apply(changes, [] {}).status().code(), absl::StatusCode::kUnavailable);
  disk_.FailSyncs(SQLITE_OK);
  store_.reset();
  Open();
  expect_nothing_done();
  const int before = disk_.log_syncs();
  EXPECT_TRUE(store_->Apply(changes, [] {}).ok());
  EXPECT_LE(disk_.log_syncs() - before, 2) << "more than one transaction and the log's head";
  EXPECT_EQ(store_->Load(kName)->refresh_token.Reveal(), "granted");
}

TEST_F(DiskFault, ACommitWorksOnceThereIsRoomAgain) {
  disk_.FailWrites(SQLITE_FULL);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(store_->Commit(MakeRotation("a")).ok());
  disk_.FailWrites(SQLITE_OK);
  ExpectCommitWorks();
}

TEST_F(DiskFault, ACommitWorksOnceTheDiskCanWriteAgain) {
  disk_.FailWrites(SQLITE_IOERR_WRITE);
  EXPECT_EQ(store_->Commit(MakeRotation("a")).status().code(), absl::StatusCode::kUnavailable);
  disk_.FailWrites(SQLITE_OK);
  ExpectCommitWorks();
}

TEST_F(DiskFault, ACommitThatIsNotSyncedIsNotReported) {
  disk_.FailSyncs(SQLITE_IOERR_FSYNC);
  EXPECT_EQ(store_->Commit(MakeRotation("a")).status().code(), absl::StatusCode::kUnavailable);
  disk_.FailSyncs(SQLITE_OK);
  ExpectCommitWorks();
}

// After a failed sync the log may look whole to whoever opens it next, and not be on the disk.
TEST_F(DiskFault, ARepeatedCommitThatIsReportedIsOnTheDisk) {
  disk_.FailSyncs(SQLITE_IOERR_FSYNC);
  EXPECT_FALSE(store_->Commit(MakeRotation("a")).ok());
  disk_.FailSyncs(SQLITE_OK);
  ExpectCommitWorks();
  EXPECT_FALSE(disk_.log_is_unsynced());
  EXPECT_FALSE(disk_.log_has_a_hole());
}

TEST_F(DiskFault, ARepeatedCommitIsOnTheDiskThoughAReaderKeptTheLogOpen) {
  EXPECT_TRUE(store_->Load(kName).ok());
  disk_.FailSyncs(SQLITE_IOERR_FSYNC);
  EXPECT_FALSE(store_->Commit(MakeRotation("a")).ok());
  disk_.FailSyncs(SQLITE_OK);
  ExpectCommitWorks();
  EXPECT_FALSE(disk_.log_is_unsynced());
  EXPECT_FALSE(disk_.log_has_a_hole());
}

TEST_F(DiskFault, AConnectionThatCannotBeReopenedIsTriedAgain) {
  disk_.FailWrites(SQLITE_IOERR_WRITE);
  EXPECT_FALSE(store_->Commit(MakeRotation("a")).ok());
  disk_.FailOpens(SQLITE_CANTOPEN);
  const absl::Status status = store_->Commit(MakeRotation("a")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("SQLITE_CANTOPEN"));
  disk_.FailOpens(SQLITE_OK);
  disk_.FailWrites(SQLITE_OK);
  ExpectCommitWorks();
}

TEST_F(DiskFault, WhatCannotBeWrittenCanStillBeRead) {
  disk_.FailWrites(SQLITE_FULL);
  EXPECT_FALSE(store_->Commit(MakeRotation("a")).ok());
  const auto record = store_->Load(kName);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->generation, 0u);
}

TEST_F(DiskFault, EveryWriteIsOnTheDiskWhenItIsReported) {
  const std::string name(kName);
  EXPECT_TRUE(store_->Commit(MakeRotation("a")).ok());
  EXPECT_FALSE(disk_.log_is_unsynced());
  EXPECT_TRUE(store_->Begin(MakeBegin("b", 1)).ok());
  EXPECT_FALSE(disk_.log_is_unsynced());
  EXPECT_TRUE(
      store_->Conclude({.name = name, .attempt_id = "b", .end = broker::AttemptEnd::kInDoubt})
          .ok());
  EXPECT_FALSE(disk_.log_is_unsynced());
  EXPECT_TRUE(store_->Quarantine({.name = name, .attempt_id = "b"}).ok());
  EXPECT_FALSE(disk_.log_is_unsynced());
  EXPECT_TRUE(store_->Adopt(name, Secret(std::string_view("granted"))).ok());
  EXPECT_FALSE(disk_.log_is_unsynced());
}

TEST_F(DiskFault, AnAnswerThatChangesNothingCostsNoSync) {
  const int before = disk_.log_syncs();
  const auto held = store_->Begin(MakeBegin("b", 0, "holder-2"));
  ASSERT_TRUE(held.ok());
  EXPECT_TRUE(std::holds_alternative<broker::HeldByOther>(*held));
  EXPECT_EQ(disk_.log_syncs(), before);
}

}  // namespace
}  // namespace token_service::testing
