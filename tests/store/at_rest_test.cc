#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "server/store/sqlite/open_credential_store.h"
#include "tests/store/raw_rows.h"
#include "tests/store/records.h"
#include "tests/testing/temp_dir.h"

namespace token_service::store {
namespace {

using broker::GrantState;
using testing::kName;
using testing::NewRecord;
using testing::Rotate;

// What lies on the disk, as somebody sees it who has the files and not the key.
class AtRest : public ::testing::Test {
 protected:
  AtRest() {
    Open();
    EXPECT_TRUE(store_->Create(NewRecord()).ok());
    Rotate(*store_, 0);
  }

  void Open() {
    auto store = OpenCredentialStore({.data_dir = dir_.path(), .key_file = ""});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // By hand in the file, while no server runs.
  void Tamper(const char* sql) {
    store_.reset();
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(dir_.File("credentials.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_GT(sqlite3_changes(database), 0);
    sqlite3_close(database);
    Open();
  }

  bool IsUnreadable() { return store_->Load(kName)->unreadable; }

  // The file in the data directory that holds the text; empty when there is none.
  std::string FileWith(const std::string& text) {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string contents{std::istreambuf_iterator<char>(file), {}};
      if (contents.find(text) != std::string::npos) return entry.path();
    }
    return "";
  }

  testing::TempDir dir_;
  std::unique_ptr<broker::CredentialStore> store_;
};

TEST_F(AtRest, NoFileHoldsASecret) {
  ASSERT_TRUE(store_
                  ->Quarantine({.name = std::string(kName),
                                .attempt_id = "a",
                                .body = Secret(std::string_view("plain-evidence"))})
                  .ok());
  ASSERT_TRUE(store_->Adopt(kName, Secret(std::string_view("plain-granted"))).ok());
  EXPECT_NE(FileWith("client-7"), "") << "the search itself is broken";
  EXPECT_EQ(FileWith("plain-"), "");
  store_.reset();  // The log goes into the database.
  EXPECT_NE(FileWith("client-7"), "");
  EXPECT_EQ(FileWith("plain-"), "");
}

TEST_F(AtRest, DeleteLeavesNothingInAnyFile) {
  auto records = NewRecord("doomed-credential");
  records.profile.client_id = "doomed-client";
  ASSERT_TRUE(store_->Create(records).ok());
  ASSERT_TRUE(
      store_->Quarantine({.name = "doomed-credential", .attempt_id = "doomed-attempt"}).ok());
  EXPECT_NE(FileWith("doomed-"), "");
  ASSERT_TRUE(store_->Delete("doomed-credential").ok());
  EXPECT_EQ(FileWith("doomed-"), "");
}

TEST_F(AtRest, WhatAReaderHeldBackFromPurgeGoesWithTheNextWrite) {
  auto record = NewRecord("doomed-credential");
  ASSERT_TRUE(store_->Create(record).ok());
  ASSERT_TRUE(store_
                  ->ForEach([&](broker::CredentialRecord seen) {
                    if (seen.name == kName) return;
                    // A snapshot is open now.
                    EXPECT_TRUE(store_->Delete("doomed-credential").ok());
                  })
                  .ok());
  ASSERT_TRUE(store_->Disable(kName).ok());
  EXPECT_EQ(FileWith("doomed-"), "");
}

TEST_F(AtRest, SwappedRowsDoNotOpen) {
  ASSERT_TRUE(store_->Create(NewRecord("zz")).ok());
  Rotate(*store_, 0, "zz");
  Tamper(
      "UPDATE credentials SET refresh_token=(SELECT refresh_token FROM credentials WHERE name='zz')"
      " WHERE name='support-inbox'");
  EXPECT_TRUE(IsUnreadable());
  EXPECT_EQ(store_->Load("zz")->grant, GrantState::kUsable);
}

TEST_F(AtRest, SwappedFieldsDoNotOpen) {
  Tamper("UPDATE credentials SET seed=client_secret, client_secret=seed");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, AnotherGenerationDoesNotOpen) {
  Tamper("UPDATE credentials SET generation=generation+1");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, AGrantUnderAnotherSerialDoesNotOpen) {
  ASSERT_TRUE(store_->Adopt(kName, Secret(std::string_view("granted"))).ok());
  Tamper("UPDATE credentials SET grant_serial=grant_serial+2");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, ACredentialThatWasPointedElsewhereDoesNotOpen) {
  Tamper("UPDATE credentials SET token_endpoint='https://elsewhere.example.com/token'");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, UnderAnotherProvidersRulesItDoesNotOpen) {
  Tamper("UPDATE credentials SET provider='other'");
  EXPECT_TRUE(IsUnreadable());
}

// Whoever could would send callers, and their token, to a place of his own.
TEST_F(AtRest, WithOtherPropertiesTheTokenDoesNotOpen) {
  Tamper("UPDATE credentials SET token_properties='12:instance_url12:https://evil'");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, PropertiesThatAreNoneAreUnreadable) {
  Tamper("UPDATE credentials SET token_properties='12:instance'");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, AnEmptiedFieldDoesNotOpen) {
  Tamper("UPDATE credentials SET seed=x''");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, AnUnknownStandingIsUnreadableAndTheRestServes) {
  ASSERT_TRUE(store_->Create(NewRecord("zz")).ok());
  Tamper("UPDATE credentials SET grant_state='?' WHERE name='support-inbox'");
  EXPECT_TRUE(IsUnreadable());
  EXPECT_TRUE(store_->Load(kName)->refresh_token.empty());
  EXPECT_EQ(store_->Load("zz")->grant, GrantState::kUsable);
  EXPECT_EQ(store_->Disable(kName).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AtRest, AForgedKeyIdIsDamageAndNoMissingKey) {
  // `key-01234567` becomes `kez-01234567`.
  Tamper(
      "UPDATE credentials SET seed=CAST(substr(seed,1,4)||x'7a'||substr(seed,6) AS BLOB)"
      " WHERE name='support-inbox'");
  EXPECT_TRUE(IsUnreadable());
}

TEST_F(AtRest, AnUnreadableRowIsLeftAsItIs) {
  Tamper("UPDATE credentials SET seed=client_secret");
  ASSERT_TRUE(IsUnreadable());
  EXPECT_EQ(store_->Begin(testing::MakeBegin("a", 1)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  store_.reset();
  const broker::CredentialRecord row = testing::RawRow(dir_.path(), kName).record;
  EXPECT_EQ(row.grant, GrantState::kUsable);
  EXPECT_FALSE(row.refresh_token.empty());
  EXPECT_FALSE(row.attempt.has_value());
}

}  // namespace
}  // namespace token_service::store
