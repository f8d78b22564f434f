// Databases that earlier versions left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <variant>

#include "server/store/sqlite/open_credential_store.h"
#include "server/store/sqlite/rekey.h"
#include "tests/store/records.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace token_service::store {
namespace {

using testing::AccessTokenOf;
using testing::RefreshTokenOf;

constexpr char kGranted[] = "credential-0";
constexpr char kRotated[] = "credential-1";

class OldSchemaTest : public ::testing::Test {
 protected:
  OldSchemaTest() {
    std::ifstream dump(TS_SCHEMA_2);
    const std::string sql{std::istreambuf_iterator<char>(dump), {}};
    std::ofstream(key_file_) << "old-schema AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    EXPECT_EQ(chmod(key_file_.c_str(), 0600), 0);
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(dir_.File("credentials.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  void Open() {
    store_.reset();
    auto store = OpenCredentialStore({.data_dir = dir_.path(), .key_file = key_file_});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Sql(const char* sql) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(dir_.File("credentials.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }
  broker::CredentialRecord Load(const char* name) { return *store_->Load(name); }
  broker::CredentialRecord Begin(const char* name) {
    broker::BeginRequest request = testing::MakeBegin("ours", Load(name).generation);
    request.name = name;
    request.take_over = true;
    return std::get<broker::Begun>(*store_->Begin(request)).record.Copy();
  }

  const testing::TempDir dir_;
  const std::string key_file_ = dir_.File("sealing.key");
  std::unique_ptr<broker::CredentialStore> store_;
};

TEST_F(OldSchemaTest, EverythingIsStillThere) {
  for (int time = 1; time <= 2; ++time) {
    Open();
    const broker::CredentialRecord granted = Load(kGranted);
    EXPECT_EQ(granted.grant, broker::GrantState::kUsable);
    EXPECT_EQ(granted.generation, 11u);
    EXPECT_EQ(granted.refresh_token.Reveal(), "granted");
    EXPECT_EQ(granted.seed.Reveal(), "granted");
    EXPECT_EQ(granted.token->value.Reveal(), AccessTokenOf(kGranted, 11));
    EXPECT_EQ(granted.attempt->id, "credential-0/11");
    const broker::CredentialRecord rotated = Load(kRotated);
    EXPECT_EQ(rotated.refresh_token.Reveal(), RefreshTokenOf(kRotated, 10));
    EXPECT_EQ(rotated.profile.client_secret.Reveal(), "plain-client-secret");
    EXPECT_EQ(rotated.attempt->lease_end, testing::At(160));
    EXPECT_EQ(*store_->CountEvidence(kRotated), 1);
  }
}

// docs/adr/0035-one-vocabulary.md
TEST_F(OldSchemaTest, WhatWasOneWordIsSeveralFacts) {
  Sql("UPDATE credentials SET standing='disabled' WHERE name='credential-0';"
      "UPDATE credentials SET standing='refresh_token_rejected' WHERE name='credential-1'");
  for (int time = 1; time <= 2; ++time) {
    Open();
    EXPECT_TRUE(Load(kGranted).disabled);
    EXPECT_EQ(Load(kGranted).grant, broker::GrantState::kUsable);
    EXPECT_FALSE(Load(kRotated).disabled);
    EXPECT_EQ(Load(kRotated).grant, broker::GrantState::kDead);
  }
  EXPECT_FALSE(Load(kRotated).unreadable);
}

TEST_F(OldSchemaTest, ARefusedClientIsStillRefused) {
  Sql("UPDATE credentials SET standing='client_rejected'");
  Open();
  EXPECT_EQ(Load(kGranted).grant, broker::GrantState::kClientRefused);
  EXPECT_FALSE(Load(kGranted).disabled);
}

// Who goes back to the version before needs it as that left it.
TEST_F(OldSchemaTest, IsKeptAsItWas) {
  const std::string kept = dir_.File("credentials.db.schema-2");
  std::ofstream(kept) << "of an earlier try";
  Open();
  store_.reset();
  struct stat status {};
  ASSERT_EQ(stat(kept.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(kept.c_str(), &database), SQLITE_OK);
  std::string found;
  const auto collect = [](void* out, int, char** columns, char**) {
    *static_cast<std::string*>(out) += std::string(columns[0]) + " ";
    return 0;
  };
  sqlite3_exec(database, "SELECT name FROM credentials ORDER BY name; PRAGMA user_version", collect,
               &found, nullptr);
  sqlite3_close(database);
  EXPECT_EQ(found, "credential-0 credential-1 2 ");
  unlink(kept.c_str());
  Open();
  EXPECT_NE(stat(kept.c_str(), &status), 0) << "there was nothing to migrate";
}

TEST_F(OldSchemaTest, IsNotMigratedWhenItCannotBeKept) {
  ASSERT_EQ(mkdir(dir_.File("credentials.db.schema-2").c_str(), 0700), 0);
  const auto store = OpenCredentialStore({.data_dir = dir_.path(), .key_file = key_file_});
  EXPECT_THAT(std::string(store.status().message()), ::testing::HasSubstr("not migrated"));
  ASSERT_EQ(rmdir(dir_.File("credentials.db.schema-2").c_str()), 0);
  Open();
}

// docs/adr/0024-spent-tokens.md
TEST_F(OldSchemaTest, ItsRefreshTokensAreRemembered) {
  for (int time = 1; time <= 2; ++time) {
    Open();
    const Secret granted(std::string_view("granted"));
    EXPECT_TRUE(store_->LookUp(kGranted, granted)->current);
    const broker::CredentialRecord rotated = Load(kRotated);
    EXPECT_TRUE(store_->LookUp(kRotated, rotated.refresh_token)->current);
  }
}

TEST_F(OldSchemaTest, ASeedThatIsNotHeldAnyMoreIsSpent) {
  Open();
  broker::CredentialRecord record = testing::NewRecord("new");
  record.refresh_token = Secret(std::string_view("seed"));
  record.seed = Secret(std::string_view("seed"));
  ASSERT_TRUE(store_->Create(record).ok());
  testing::Rotate(*store_, 0, "new");
  store_.reset();
  Sql("DELETE FROM token_hash_key; DELETE FROM held_tokens; DELETE FROM spent_tokens");
  Open();
  const auto seed = store_->LookUp("another", record.seed);
  ASSERT_TRUE(seed->spent.has_value());
  EXPECT_EQ(seed->spent->since, *Load("new").last_refresh_time);
  EXPECT_TRUE(store_->LookUp("new", Load("new").refresh_token)->current);
}

TEST_F(OldSchemaTest, WithoutTheKeyOfItsHashesAStoreDoesNotOpen) {
  Open();
  store_.reset();
  Sql("UPDATE token_hash_key SET sealed=x'0102'");
  const absl::Status status =
      OpenCredentialStore({.data_dir = dir_.path(), .key_file = key_file_}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("the memory of spent refresh tokens cannot be used"));
}

// The process that left this may have handed out the next generation before it was stored.
TEST_F(OldSchemaTest, TheNextGenerationIsNotGivenAgain) {
  Open();
  EXPECT_EQ(Begin(kGranted).reserved_generation, 13u);
  EXPECT_EQ(Begin(kRotated).reserved_generation, 12u);
}

TEST_F(OldSchemaTest, ItsGrantsRotateAndAreReplaced) {
  Open();
  for (const char* const name : {kGranted, kRotated}) {
    const broker::CredentialRecord begun = Begin(name);
    broker::Rotation rotation = testing::MakeRotation("ours", begun.reserved_generation, name);
    rotation.grant_serial = begun.grant_serial;
    const auto commit = store_->Commit(rotation);
    ASSERT_TRUE(commit.ok()) << commit.status();
    EXPECT_TRUE(std::holds_alternative<broker::Committed>(*commit));
    EXPECT_EQ(Load(name).refresh_token.Reveal(), RefreshTokenOf(name, begun.reserved_generation));
    ASSERT_TRUE(store_->Adopt(name, Secret(std::string_view(name))).ok());
    Open();
    EXPECT_EQ(Load(name).refresh_token.Reveal(), name);
  }
}

TEST_F(OldSchemaTest, RekeySealsItAnew) {
  std::ofstream(key_file_) << "new AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
                              "old-schema AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
  testing::FakeClock clock;
  const auto report =
      Rekey({.data_dir = dir_.path(), .key_file = key_file_}, clock, [](absl::Duration) {});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->done());
  std::ofstream(key_file_) << "new AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
  Open();
  EXPECT_EQ(Load(kGranted).refresh_token.Reveal(), "granted");
  EXPECT_EQ(Load(kRotated).refresh_token.Reveal(), RefreshTokenOf(kRotated, 10));
}

}  // namespace
}  // namespace token_service::store
