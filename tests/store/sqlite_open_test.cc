#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "server/store/sealing/keyring.h"
#include "server/store/sqlite/open_credential_store.h"
#include "server/store/sqlite/sqlite_credential_store.h"
#include "server/store/sqlite/sqlite_database.h"
#include "tests/store/records.h"
#include "tests/testing/temp_dir.h"

namespace token_service::store {
namespace {

using ::testing::HasSubstr;
using testing::kName;
using testing::NewRecord;
using testing::TempDir;

absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> Open(const std::string& dir) {
  auto database = SqliteDatabase::Open({.data_dir = dir});
  if (!database.ok()) return database.status();
  return SqliteCredentialStore::Open(
      *std::move(database),
      *Keyring::Parse("key AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "ring"));
}

absl::Status OpenStatus(const std::string& dir) { return Open(dir).status(); }

std::string Message(const absl::Status& status) { return std::string(status.message()); }

mode_t Mode(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

// As an operator's tool would.
void Sql(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
}

// Root may do everything: runs as nobody for a while where the test is root's.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : was_root_(geteuid() == 0) {
    EXPECT_TRUE(!was_root_ || seteuid(65534) == 0);
  }
  ~WithoutPrivileges() { EXPECT_TRUE(!was_root_ || seteuid(0) == 0); }

 private:
  const bool was_root_;
};

TEST(SqliteOpenTest, MakesAPrivateDirectoryWithPrivateFiles) {
  const TempDir dir;
  const std::string data = dir.File("var/lib");
  const auto store = Open(data);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Create(NewRecord()).ok());
  EXPECT_EQ(Mode(data), 0700u);
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    EXPECT_EQ(Mode(entry.path()), 0600u) << entry.path();
  }
}

TEST(SqliteOpenTest, ATrailingSlashChangesNothing) {
  const TempDir dir;
  EXPECT_TRUE(OpenStatus(dir.File("data/")).ok());
  EXPECT_TRUE(OpenStatus(dir.File("data")).ok());
}

TEST(SqliteOpenTest, ADatabaseThatOthersCouldReadIsMadePrivate) {
  const TempDir dir;
  ASSERT_TRUE(OpenStatus(dir.path()).ok());
  ASSERT_EQ(chmod(dir.File("credentials.db").c_str(), 0644), 0);
  ASSERT_TRUE(OpenStatus(dir.path()).ok());
  EXPECT_EQ(Mode(dir.File("credentials.db")), 0600u);
}

TEST(SqliteOpenTest, ASecondOwnerIsRefusedWithTheFirstOnesId) {
  const TempDir dir;
  const auto store = Open(dir.path());
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Message(status), dir.path() + " is in use by another token-server (pid " +
                                 std::to_string(getpid()) + ")");
  EXPECT_TRUE((*store)->Create(NewRecord()).ok());
}

TEST(SqliteOpenTest, ASecondOwnerMayComeAfterTheFirst) {
  const TempDir dir;
  ASSERT_TRUE(OpenStatus(dir.path()).ok());
  EXPECT_TRUE(OpenStatus(dir.path()).ok());
}

TEST(SqliteOpenTest, ANewerSchemaIsRefused) {
  const TempDir dir;
  ASSERT_TRUE(OpenStatus(dir.path()).ok());
  Sql(dir.File("credentials.db"), "PRAGMA user_version=1000");
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("version 1000, written by a newer token-server"));
}

TEST(SqliteOpenTest, AnotherProgramsDatabaseIsRefusedAndLeftAlone) {
  const TempDir dir;
  Sql(dir.File("credentials.db"), "CREATE TABLE theirs(x)");
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("another program's database"));
}

TEST(SqliteOpenTest, WhatIsNoDatabaseIsRefused) {
  const TempDir dir;
  std::ofstream(dir.File("credentials.db")) << std::string(5000, 'x');
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status),
              HasSubstr(dir.File("credentials.db") + " is damaged or no database"));
  EXPECT_THAT(Message(status), HasSubstr("SQLITE_NOTADB"));
}

TEST(SqliteOpenTest, ADamagedTableIsNoticedWhenItIsRead) {
  const TempDir dir;
  {
    const auto store = Open(dir.path());
    ASSERT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE((*store)->Create(NewRecord("c" + std::to_string(i))).ok());
    }
  }
  {
    std::fstream file(dir.File("credentials.db"), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = std::filesystem::file_size(dir.File("credentials.db"));
    file.seekp(8192);
    file << std::string(size - 8192, '\xee');
  }
  const auto database = SqliteDatabase::Open({.data_dir = dir.path()});
  const absl::Status status = database.ok() ? (*database)->CheckLoaded({}) : database.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(Message(status), HasSubstr("SQLITE_CORRUPT"));
}

TEST(SqliteOpenTest, ADirectoryInPlaceOfTheFileIsRefused) {
  const TempDir dir;
  std::filesystem::create_directory(dir.File("credentials.db"));
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("credentials.db: Is a directory"));
}

TEST(SqliteOpenTest, AFileInPlaceOfTheDirectoryIsRefused) {
  const TempDir dir;
  std::ofstream(dir.File("data")) << "x";
  const absl::Status status = OpenStatus(dir.File("data"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("data: Not a directory"));
}

TEST(SqliteOpenTest, AReadOnlyDirectoryIsRefused) {
  const TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  const WithoutPrivileges nobody;
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(status), HasSubstr(dir.path()));
}

TEST(SqliteOpenTest, AReadOnlyFileIsRefused) {
  const TempDir dir;
  std::ofstream(dir.File("credentials.db")).close();
  ASSERT_EQ(chmod(dir.File("credentials.db").c_str(), 0444), 0);
  ASSERT_EQ(chmod(dir.path().c_str(), 0777), 0);
  const WithoutPrivileges nobody;
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(status), HasSubstr("credentials.db: Permission denied"));
}

TEST(OpenCredentialStoreTest, AConfiguredKeyFileMustExist) {
  const TempDir dir;
  const absl::Status status =
      OpenCredentialStore({.data_dir = dir.path(), .key_file = dir.File("absent")}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
}

TEST(OpenCredentialStoreTest, ALostKeyIsNoticedAtTheStart) {
  const TempDir dir;
  {
    const auto store = OpenCredentialStore({.data_dir = dir.path(), .key_file = ""});
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Create(NewRecord()).ok());
  }
  std::filesystem::remove(dir.File("sealing.key"));
  const absl::Status status =
      OpenCredentialStore({.data_dir = dir.path(), .key_file = ""}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("the keyring lacks key \"key-"));
}

// ---- what has to be there

using Expect = SqliteDatabase::Expect;

absl::Status OpenExpecting(const std::string& dir, Expect expect) {
  return SqliteDatabase::Open({.data_dir = dir, .expect = expect}).status();
}

TEST(ExpectTest, WithoutAStoreNoneIsMadeNorAnythingElse) {
  const TempDir dir;
  const std::string data = dir.File("data");
  EXPECT_EQ(OpenExpecting(data, Expect::kStore).code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(data));
  std::filesystem::create_directory(data);
  EXPECT_EQ(OpenExpecting(data, Expect::kStore).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(data));
}

TEST(ExpectTest, AStoreIsNotMadeTwice) {
  const TempDir dir;
  ASSERT_TRUE(OpenExpecting(dir.path(), Expect::kNone).ok());
  EXPECT_EQ(OpenExpecting(dir.path(), Expect::kNone).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(OpenExpecting(dir.path(), Expect::kStore).ok());
}

TEST(ExpectTest, AnEmptiedOrHalfMadeOneIsNone) {
  const TempDir dir;
  const std::string database = dir.File("credentials.db");
  std::ofstream(database).flush();
  EXPECT_EQ(OpenExpecting(dir.path(), Expect::kStore).code(), absl::StatusCode::kNotFound);
  // Its log is begun, and that is all.
  Sql(database, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); DROP TABLE t");
  ASSERT_GT(std::filesystem::file_size(database), 0u);
  EXPECT_EQ(OpenExpecting(dir.path(), Expect::kStore).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(OpenExpecting(dir.path(), Expect::kNone).ok());
  EXPECT_TRUE(OpenExpecting(dir.path(), Expect::kStore).ok());
}

TEST(ExpectTest, WhatToDoIsSaid) {
  const TempDir dir;
  const absl::Status status =
      OpenCredentialStore({.data_dir = dir.path(), .require_store = true}).status();
  for (const char* words : {"require_store", "token-server init", "lost", "token-server restore"}) {
    EXPECT_THAT(Message(status), HasSubstr(words));
  }
}

}  // namespace
}  // namespace token_service::store
