#include "server/posix/pid_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "tests/testing/temp_dir.h"

namespace token_service::posix {
namespace {

using testing::TempDir;

std::string Us() { return "another token-server (pid " + std::to_string(getpid()) + ")"; }

TEST(PidLockTest, ASecondIsToldWhoHasIt) {
  const TempDir dir;
  const auto first = LockWithPid(dir.File("lock"), "it");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->made);
  const auto second = LockWithPid(dir.File("lock"), "it");
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(second.status().message()), "it is in use by " + Us());
  EXPECT_EQ(*WhoHolds(dir.File("lock")), Us());
}

TEST(PidLockTest, AFileThatWasLeftIsTaken) {
  const TempDir dir;
  std::ofstream(dir.File("lock")) << "12345678\n";
  EXPECT_EQ(*WhoHolds(dir.File("lock")), "");
  const auto lock = LockWithPid(dir.File("lock"), "it");
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_FALSE(lock->made);
  EXPECT_EQ(*WhoHolds(dir.File("lock")), Us());
}

TEST(PidLockTest, AFileThatIsRemovedWhileItIsLockedIsNoLock) {
  const TempDir dir;
  const auto first = LockWithPid(dir.File("lock"), "it");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(std::remove(dir.File("lock").c_str()), 0);
  const auto second = LockWithPid(dir.File("lock"), "it");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->made);
}

TEST(PidLockTest, NobodyHoldsAFileThatIsNotThere) {
  const TempDir dir;
  EXPECT_EQ(*WhoHolds(dir.File("lock")), "");
  EXPECT_EQ(LastHolder(dir.File("lock")), "another token-server");
}

}  // namespace
}  // namespace token_service::posix
