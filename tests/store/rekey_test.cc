#include "server/store/sqlite/rekey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include "server/store/sealing/keyring.h"
#include "tests/store/records.h"
#include "tests/testing/temp_dir.h"

namespace token_service::store {
namespace {

using broker::CredentialRecord;
using broker::GrantState;
using testing::AccessTokenOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::NewRecord;
using testing::RefreshTokenOf;
using testing::Rotate;

constexpr char kOld[] = "first-key AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
constexpr char kNew[] = "second-key QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n";
constexpr int kMany = 40;  // More than one transaction.

std::string Name(int i) { return "credential-" + std::to_string(i); }

class RekeyTest : public ::testing::Test {
 protected:
  RekeyTest() : options_{.data_dir = dir_.File("data"), .key_file = dir_.File("keyring")} {
    WriteKeyring(kOld);
    Open();
  }

  void WriteKeyring(const std::string& text) { std::ofstream(options_.key_file) << text; }

  void Open() {
    auto store = OpenCredentialStore(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Reload(const std::string& text) {
    WriteKeyring(text);
    ReloadKeyring(options_, *store_);
  }

  absl::StatusOr<RekeyReport> Run() {
    return Rekey(options_, SystemClock(), [this](absl::Duration) {
      if (between_) between_();
    });
  }

  RekeyReport RunToTheEnd() {
    auto report = Run();
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : RekeyReport{};
  }

  void CreateMany() {
    for (int i = 0; i < kMany; ++i) {
      ASSERT_TRUE(store_->Create(NewRecord(Name(i))).ok());
      Rotate(*store_, 0, Name(i));
    }
  }

  void Sql(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((options_.data_dir + "/credentials.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  bool AnyFileHolds(const std::string& text) {
    for (const auto& entry : std::filesystem::directory_iterator(options_.data_dir)) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string contents{std::istreambuf_iterator<char>(file), {}};
      if (contents.find(text) != std::string::npos) return true;
    }
    return false;
  }

  testing::TempDir dir_;
  StoreOptions options_;
  std::unique_ptr<SqliteCredentialStore> store_;
  std::function<void()> between_;  // Two transactions.
};

TEST_F(RekeyTest, SealsEverythingAnewWhileTheStoreIsInUse) {
  CreateMany();
  ASSERT_TRUE(store_
                  ->Quarantine({.name = Name(7),
                                .attempt_id = "a",
                                .generation = 3,
                                .body = Secret(std::string_view("kept"))})
                  .ok());
  Reload(std::string(kNew) + kOld);
  const RekeyReport report = RunToTheEnd();
  EXPECT_EQ(report.rows, kMany + 1);
  EXPECT_EQ(report.resealed, kMany + 1);
  ASSERT_EQ(report.keys.size(), 2u);
  EXPECT_EQ(report.keys[0].id, "second-key");
  // The key of the refresh tokens' hashes is one more.
  EXPECT_EQ(report.keys[0].values, 4 * kMany + 2);
  EXPECT_EQ(report.keys[1].id, "first-key");
  EXPECT_EQ(report.keys[1].values, 0);
  EXPECT_THAT(report.unreadable, IsEmpty());
  EXPECT_TRUE(report.done());
  EXPECT_TRUE(report.purged);

  Reload(kNew);
  for (int i = 0; i < kMany; ++i) {
    const CredentialRecord record = *store_->Load(Name(i));
    EXPECT_EQ(record.refresh_token.Reveal(), RefreshTokenOf(Name(i), 1));
    EXPECT_EQ(record.token->value.Reveal(), AccessTokenOf(Name(i), 1));
    EXPECT_EQ(record.seed.Reveal(), "plain-seed");
    EXPECT_EQ(record.profile.client_secret.Reveal(), "plain-client-secret");
  }
  EXPECT_FALSE(AnyFileHolds(std::string("\1\11first-key")))
      << "something sealed with the old key is left over";
}

TEST_F(RekeyTest, AGrantStillOpensWhereItDidBefore) {
  ASSERT_TRUE(store_->Create(NewRecord("file")).ok());
  ASSERT_TRUE(store_->Create(NewRecord("rpc")).ok());
  Rotate(*store_, 0, "file");
  Rotate(*store_, 0, "rpc");
  ASSERT_TRUE(store_->Adopt("file", Secret(std::string_view("granted"))).ok());
  ASSERT_TRUE(store_->ReplaceRefreshToken("rpc", Secret(std::string_view("given"))).ok());
  Reload(std::string(kNew) + kOld);
  EXPECT_EQ(RunToTheEnd().resealed, 2);
  Reload(kNew);
  EXPECT_EQ(store_->Load("file")->refresh_token.Reveal(), "granted");
  EXPECT_EQ(store_->Load("file")->seed.Reveal(), "granted");
  EXPECT_EQ(store_->Load("rpc")->refresh_token.Reveal(), "given");
  EXPECT_EQ(store_->Load("rpc")->seed.Reveal(), "plain-seed");
}

TEST_F(RekeyTest, ASecondRunFindsNothingToDo) {
  CreateMany();
  Reload(std::string(kNew) + kOld);
  EXPECT_EQ(RunToTheEnd().resealed, kMany);
  const RekeyReport again = RunToTheEnd();
  EXPECT_EQ(again.resealed, 0);
  EXPECT_TRUE(again.done());
}

TEST_F(RekeyTest, WorksWhileNoServerRuns) {
  CreateMany();
  store_.reset();
  WriteKeyring(std::string(kNew) + kOld);
  EXPECT_TRUE(RunToTheEnd().done());
  WriteKeyring(kNew);
  Open();
  EXPECT_EQ(store_->Load(Name(3))->refresh_token.Reveal(), RefreshTokenOf(Name(3), 1));
}

TEST_F(RekeyTest, AKeyThatTheServerHasNotLoadedIsRefusedAndNothingIsWritten) {
  CreateMany();
  WriteKeyring(std::string(kNew) + kOld);  // And no reload.
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("seals with key \"first-key\", not with \"second-key\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr("SIGHUP"));
  EXPECT_FALSE(AnyFileHolds("second-key"));
}

TEST_F(RekeyTest, AKeyThatTheServerHasLoadedButDoesNotSealWithIsRefused) {
  CreateMany();
  Reload(std::string(kOld) + kNew);
  WriteKeyring(std::string(kNew) + kOld);
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RekeyTest, AnotherKeyUnderTheServersIdIsRefused) {
  WriteKeyring("first-key QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n");
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another key that goes by the id"));
}

// The keys are looked at in each transaction and not only at the beginning.
TEST_F(RekeyTest, StopsWhenTheServerTurnsBackAndGoesOnLater) {
  CreateMany();
  Reload(std::string(kNew) + kOld);
  between_ = [this] { Reload(std::string(kOld) + kNew); };
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kFailedPrecondition);
  between_ = nullptr;
  for (int i = 0; i < kMany; ++i) EXPECT_EQ(store_->Load(Name(i))->grant, GrantState::kUsable);
  Reload(std::string(kNew) + kOld);
  const RekeyReport rest = RunToTheEnd();
  EXPECT_TRUE(rest.done());
  EXPECT_GT(rest.resealed, 0);
  EXPECT_LT(rest.resealed, kMany);
}

TEST_F(RekeyTest, AServerThatStartsMeanwhileWithoutTheKeyDoesNotStart) {
  CreateMany();
  store_.reset();
  WriteKeyring(std::string(kNew) + kOld);
  absl::Status started;
  between_ = [&] {
    if (!started.ok()) return;
    std::ofstream(dir_.File("other")) << kOld;
    started = OpenCredentialStore({.data_dir = options_.data_dir, .key_file = dir_.File("other")})
                  .status();
  };
  EXPECT_TRUE(RunToTheEnd().done());
  EXPECT_EQ(started.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(started.message()), HasSubstr("lacks key \"second-key\""));
}

TEST_F(RekeyTest, WhatTheServerWritesMeanwhileIsNeverLost) {
  CreateMany();
  Reload(std::string(kNew) + kOld);
  uint64_t generation = 1;
  between_ = [&] {
    Rotate(*store_, generation, Name(0));   // Passed already.
    Rotate(*store_, generation, Name(39));  // To come.
    ++generation;
    EXPECT_TRUE(store_->Delete(Name(static_cast<int>(generation) + 30)).ok());
  };
  EXPECT_TRUE(RunToTheEnd().done());
  ASSERT_GT(generation, 2u);
  Reload(kNew);
  for (const int i : {0, 39}) {
    const CredentialRecord record = *store_->Load(Name(i));
    EXPECT_EQ(record.generation, generation);
    EXPECT_EQ(record.refresh_token.Reveal(), RefreshTokenOf(Name(i), generation));
  }
}

TEST_F(RekeyTest, AnAttemptOnRecordSurvives) {
  ASSERT_TRUE(store_->Create(NewRecord()).ok());
  ASSERT_TRUE(store_->Begin(testing::MakeBegin("attempt")).ok());
  Reload(std::string(kNew) + kOld);
  EXPECT_TRUE(RunToTheEnd().done());
  const auto committed = store_->Commit(testing::MakeRotation("attempt"));
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_TRUE(std::holds_alternative<broker::Committed>(*committed));
}

TEST_F(RekeyTest, ARowThatDoesNotOpenIsNamedAndLeftAndNotDone) {
  CreateMany();
  Sql("UPDATE credentials SET refresh_token=(SELECT refresh_token FROM credentials WHERE"
      " name='credential-1') WHERE name='credential-2'");
  Reload(std::string(kNew) + kOld);
  const RekeyReport report = RunToTheEnd();
  EXPECT_EQ(report.resealed, kMany - 1);
  EXPECT_THAT(report.unreadable, ElementsAre("credential \"credential-2\""));
  EXPECT_EQ(report.keys[1].values, 4);
  EXPECT_FALSE(report.done());
  EXPECT_TRUE(store_->Load(Name(2))->unreadable);
}

TEST_F(RekeyTest, AMissingKeyIsNamedAndNothingIsWritten) {
  CreateMany();
  store_.reset();
  WriteKeyring(kNew);
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("lacks key \"first-key\", which 40 credentials"));
  EXPECT_FALSE(AnyFileHolds("second-key"));
}

TEST_F(RekeyTest, WithoutAStoreThereIsNothingToDoAndNothingIsMade) {
  options_.data_dir = dir_.File("elsewhere");
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(std::filesystem::exists(options_.data_dir));
}

TEST_F(RekeyTest, AnotherSchemaIsRefused) {
  Sql("PRAGMA user_version=1000");
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("version 1000"));
}

}  // namespace
}  // namespace token_service::store
