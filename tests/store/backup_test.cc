#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/store/copies_fixture.h"

namespace token_service::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class BackupTest : public CopiesTest {};

TEST_F(BackupTest, IsWhatWasThereWhileTheStoreIsInUse) {
  Add(kName, 3);
  Add("other");
  const auto report = Backup();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->credentials, 2);
  EXPECT_THAT(report->keys, SizeIs(1));
  Rotate(*store_, 3);
  EXPECT_EQ(Sql(copy_, "SELECT generation FROM credentials WHERE name='support-inbox'"), "3");
  EXPECT_EQ(Sql(copy_, "PRAGMA integrity_check"), "ok");
}

TEST_F(BackupTest, OfAStoreThatNobodyUsesIsTheSame) {
  Add(kName, 3);
  Close();
  ASSERT_TRUE(Backup().ok());
  EXPECT_EQ(Sql(copy_, "SELECT generation FROM credentials"), "3");
}

TEST_F(BackupTest, IsForItsOwnerAlone) {
  const mode_t before = umask(0);
  ASSERT_TRUE(Backup().ok());
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat(copy_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(BackupTest, NeverReplacesAFile) {
  std::ofstream(copy_) << "precious";
  EXPECT_EQ(Backup().status().code(), absl::StatusCode::kAlreadyExists);
  std::ifstream file(copy_);
  std::string text;
  file >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(BackupTest, HoldsNoSecretAndNothingOfWhatWasDeleted) {
  Add(kName, 1);
  Add("gone", 1);
  ASSERT_TRUE(store_->Delete("gone").ok());
  ASSERT_TRUE(Backup().ok());
  std::ifstream file(copy_);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  for (const std::string& text :
       {RefreshTokenOf(kName, 1), AccessTokenOf(kName, 1), std::string("gone")}) {
    EXPECT_EQ(bytes.find(text), std::string::npos);
  }
}

TEST_F(BackupTest, WithoutAStoreThereIsNone) {
  Close();
  ASSERT_EQ(truncate(database_.c_str(), 0), 0);
  EXPECT_THAT(std::string(Backup().status().message()), HasSubstr("there is no store"));
  EXPECT_FALSE(IsThere(copy_));
}

TEST_F(BackupTest, OnAFullDiskNothingIsLeft) {
  for (int i = 0; i < 50; ++i) Add("credential-" + std::to_string(i), 1);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 8192, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto report = Backup();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kUnavailable) << report.status();
  EXPECT_THAT(std::string(report.status().message()), HasSubstr(copy_));
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    left.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(left, ElementsAre("data"));
}

}  // namespace
}  // namespace token_service::testing
