#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/store/copies_fixture.h"

namespace token_service::testing {

std::vector<std::string> CopiesTest::DataFiles() const {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(options_.data_dir)) {
    files.push_back(entry.path().filename().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

namespace {

using store::Overwrite;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RestoreTest : public CopiesTest {
 protected:
  // The volume is gone; the key is kept elsewhere.
  void LoseTheStore() {
    Close();
    for (const char* suffix : {"", "-wal", "-shm"}) unlink((database_ + suffix).c_str());
  }
  std::string Refused(Overwrite overwrite = Overwrite::kNo) {
    const auto report = Restore(overwrite);
    EXPECT_FALSE(report.ok());
    return std::string(report.status().message());
  }
};

TEST_F(RestoreTest, ComesBackWithWhatMayBeSpentHeld) {
  Add("new");
  Add("rotates", 2);
  Add("stays");
  ASSERT_TRUE(store_
                  ->Begin([] {
                    broker::BeginRequest begin = MakeBegin("a");
                    begin.name = "stays";
                    return begin;
                  }())
                  .ok());
  broker::Rotation kept = MakeRotation("a", 1, "stays");
  kept.rotated = false;
  kept.grant_serial = Load("stays").grant_serial;
  ASSERT_TRUE(store_->Commit(kept).ok());
  ASSERT_TRUE(Backup().ok());
  LoseTheStore();
  const auto report = Restore();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->credentials, 3);
  EXPECT_THAT(report->held, ElementsAre("new", "rotates"));
  EXPECT_THAT(report->unreadable, IsEmpty());
  EXPECT_EQ(report->kept, "");
  Open();
  EXPECT_EQ(Load("new").held_since, clock_.WallNow());
  EXPECT_EQ(Load("rotates").held_since, clock_.WallNow());
  EXPECT_EQ(Load("rotates").refresh_token.Reveal(), RefreshTokenOf("rotates", 2));
  EXPECT_FALSE(Load("stays").held_since.has_value());
}

TEST_F(RestoreTest, MakesTheDirectory) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  Close();
  std::filesystem::rename(options_.data_dir + "/sealing.key", dir_.File("key"));
  std::filesystem::remove_all(options_.data_dir);
  const auto report = store::Restore({.data_dir = options_.data_dir, .key_file = dir_.File("key")},
                                     copy_, Overwrite::kNo, clock_);
  ASSERT_TRUE(report.ok()) << report.status();
  struct stat status {};
  ASSERT_EQ(stat(database_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(RestoreTest, ReplacesNoStoreWithoutBeingForced) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  Rotate(*store_, 1);
  Close();
  EXPECT_THAT(Refused(), HasSubstr("--force"));
  Open();
  EXPECT_EQ(Load().generation, 2u);
}

TEST_F(RestoreTest, NorOneThatAServerOwns) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  EXPECT_THAT(Refused(Overwrite::kYes), HasSubstr("is in use by another token-server"));
  Rotate(*store_, 1);
  EXPECT_EQ(Load().generation, 2u);
}

TEST_F(RestoreTest, AnEmptiedOneIsNone) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  LoseTheStore();
  std::ofstream(database_).flush();
  ASSERT_TRUE(Restore().ok());
}

TEST_F(RestoreTest, KeepsWhatItReplacesAndGivesNoGenerationTwice) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  for (uint64_t generation = 1; generation < 6; ++generation) Rotate(*store_, generation);
  Close();
  const auto report = Restore(Overwrite::kYes);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Sql(report->kept, "SELECT generation FROM credentials"), "6");
  EXPECT_EQ(Sql(report->kept, "PRAGMA integrity_check"), "ok");
  Open();
  EXPECT_EQ(Load().generation, 1u);
  ASSERT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("new"))).ok());
  const auto begun = store_->Begin(MakeBegin("next", 1));
  EXPECT_EQ(std::get<broker::Begun>(*begun).record.reserved_generation, 7u);
}

// docs/adr/0024-spent-tokens.md
TEST_F(RestoreTest, KnowsWhatTheReplacedStoreHasSpent) {
  Add(kName, 1);
  Add("stays");
  ASSERT_TRUE(Backup().ok());
  for (uint64_t generation = 1; generation < 4; ++generation) Rotate(*store_, generation);
  Close();
  const auto report = Restore(Overwrite::kYes);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->knows_what_was_spent);
  Open();
  // Whoever releases it all the same sends nothing.
  ASSERT_TRUE(store_->Release(kName).ok());
  const auto begun = store_->Begin(MakeBegin("next", 1));
  EXPECT_TRUE(std::holds_alternative<broker::FoundSpent>(*begun));
  const auto spent = [this](uint64_t generation) {
    const Secret token(RefreshTokenOf(kName, generation));
    return store_->LookUp(kName, token)->spent.has_value();
  };
  EXPECT_TRUE(spent(2) && spent(3));
  EXPECT_FALSE(spent(4)) << "the live one, with which an operator may go on";
  ASSERT_TRUE(store_->Release("stays").ok());
  broker::BeginRequest other = MakeBegin("other", 0);
  other.name = "stays";
  EXPECT_TRUE(std::holds_alternative<broker::Begun>(*store_->Begin(other)));
}

TEST_F(RestoreTest, SaysSoWhereTheReplacedOneRemembersByAnotherKey) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  Rotate(*store_, 1);
  Close();
  Sql(database_, "DELETE FROM token_hash_key");
  const auto report = Restore(Overwrite::kYes);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->knows_what_was_spent);
}

TEST_F(RestoreTest, KeepsEachOfTwoThatItReplacesInOneSecond) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  Close();
  const auto first = Restore(Overwrite::kYes);
  const auto second = Restore(Overwrite::kYes);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  EXPECT_NE(first->kept, second->kept);
  EXPECT_EQ(Sql(first->kept, "SELECT held_since IS NULL FROM credentials"), "1");
  EXPECT_EQ(Sql(second->kept, "SELECT held_since IS NULL FROM credentials"), "0");
}

TEST_F(RestoreTest, ReplacesADamagedOneAndKeepsIt) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  Close();
  std::ofstream(database_) << "no database at all, whatever it was";
  std::ofstream(database_ + "-wal") << "nor a log";
  EXPECT_THAT(Refused(), HasSubstr("--force"));
  const auto report = Restore(Overwrite::kYes);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(IsThere(report->kept));
  EXPECT_FALSE(IsThere(database_ + "-wal"));
  Open();
  EXPECT_EQ(Load().generation, 1u);
}

// ---- what is no good

class NotRestored : public RestoreTest {
 protected:
  void SetUp() override {
    for (int i = 0; i < 20; ++i) Add("credential-" + std::to_string(i), 1);
    ASSERT_TRUE(Backup().ok());
    LoseTheStore();
    before_ = DataFiles();
  }
  void TearDown() override {
    EXPECT_EQ(DataFiles(), before_);
    EXPECT_FALSE(IsThere(database_));
  }
  std::vector<std::string> before_;
};

TEST_F(NotRestored, ATruncatedCopy) {
  const auto size = std::filesystem::file_size(copy_);
  for (const auto left : {size - 1, size - 4096, size / 2, decltype(size){5000}}) {
    std::filesystem::resize_file(copy_, left);
    EXPECT_THAT(Refused(), HasSubstr(copy_)) << left;
  }
}

TEST_F(NotRestored, AnEmptyCopy) {
  std::filesystem::resize_file(copy_, 0);
  EXPECT_THAT(Refused(), HasSubstr("there is nothing in it"));
}

TEST_F(NotRestored, ADamagedCopy) {
  std::fstream file(copy_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 + 8);
  file << std::string(64, 'x');
  file.close();
  EXPECT_THAT(Refused(), HasSubstr(copy_));
}

TEST_F(NotRestored, AnotherProgramsDatabase) {
  unlink(copy_.c_str());
  Sql(copy_, "CREATE TABLE t(x)");
  EXPECT_THAT(Refused(), HasSubstr("another program"));
}

TEST_F(NotRestored, ANewerSchema) {
  Sql(copy_, "PRAGMA user_version=1000");
  EXPECT_THAT(Refused(), HasSubstr("newer token-server"));
}

// It would run when what may be spent is marked.
TEST_F(NotRestored, OneWithATrigger) {
  Sql(copy_,
      "CREATE TRIGGER t AFTER UPDATE OF held_since ON credentials WHEN NEW.held_since IS NOT NULL"
      " BEGIN UPDATE credentials SET held_since=NULL; END");
  EXPECT_THAT(Refused(), HasSubstr("triggers"));
}

TEST_F(NotRestored, OneThatTheKeyringDoesNotOpen) {
  std::ofstream(dir_.File("key")) << "other AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
  const auto report = store::Restore({.data_dir = options_.data_dir, .key_file = dir_.File("key")},
                                     copy_, Overwrite::kNo, clock_);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kFailedPrecondition) << report.status();
}

TEST_F(NotRestored, OneThatIsNotThere) {
  unlink(copy_.c_str());
  EXPECT_THAT(Refused(), HasSubstr(copy_));
}

// ---- stopped

// As a kill leaves it: neither is a store made over it, nor is it lost to the next try.
TEST_F(RestoreTest, AfterOneThatWasStoppedNothingStartsUntilItIsRunAgain) {
  Add(kName, 1);
  ASSERT_TRUE(Backup().ok());
  LoseTheStore();
  std::filesystem::copy(copy_, database_ + ".restoring");
  const auto store = store::OpenCredentialStore(options_);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("a restore was not finished"));
  EXPECT_FALSE(IsThere(database_));
  ASSERT_TRUE(Restore().ok());
  EXPECT_FALSE(IsThere(database_ + ".restoring"));
  Open();
  EXPECT_EQ(Load().generation, 1u);
}

}  // namespace
}  // namespace token_service::testing
