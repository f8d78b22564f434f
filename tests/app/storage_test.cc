#include "server/app/storage.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "tests/app/scratch_dir.h"

namespace token_service::app {
namespace {

namespace fs = std::filesystem;

class StorageTest : public ::testing::Test {
 protected:
  StorageTest() {
    config_.data_dir = dir_.Path("data");
    config_.audit_file = dir_.Path("audit");
  }

  std::set<std::string> Files() const {
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      files.insert(fs::relative(entry.path(), dir_.path()).string());
    }
    return files;
  }

  ScratchDir dir_;
  ServerConfig config_;
};

TEST_F(StorageTest, WhatWasMadeInVainIsGoneWithIt) {
  {
    const auto storage = OpenStorage(config_);
    ASSERT_TRUE(storage.ok()) << storage.status();
    EXPECT_TRUE(fs::exists(config_.data_dir));
    EXPECT_TRUE(fs::exists(config_.audit_file));
  }
  EXPECT_EQ(Files(), std::set<std::string>());
}

TEST_F(StorageTest, WhatIsKeptStaysThoughItIsMovedAbout) {
  {
    auto storage = OpenStorage(config_);
    ASSERT_TRUE(storage.ok()) << storage.status();
    Storage moved = *std::move(storage);
    moved.made->Keep();
  }
  EXPECT_TRUE(fs::exists(config_.data_dir));
  EXPECT_TRUE(fs::exists(config_.audit_file));
  const std::set<std::string> before = Files();
  { ASSERT_TRUE(OpenStorage(config_).ok()); }
  EXPECT_EQ(Files(), before) << "a start in vain leaves what was there";
}

TEST_F(StorageTest, AnAuditThatCannotBeHadLeavesNothing) {
  config_.audit_file = dir_.Path("absent/audit");
  const auto storage = OpenStorage(config_);
  EXPECT_FALSE(storage.ok());
  EXPECT_FALSE(absl::IsInvalidArgument(storage.status()));
  EXPECT_EQ(Files(), std::set<std::string>());
}

TEST_F(StorageTest, TheDirectoryIsLockedUntilWhatWasMadeIsGone) {
  const auto storage = OpenStorage(config_);
  ASSERT_TRUE(storage.ok()) << storage.status();
  EXPECT_EQ(OpenStorage(config_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(fs::exists(config_.data_dir)) << "the second removes nothing of the first";
}

}  // namespace
}  // namespace token_service::app
