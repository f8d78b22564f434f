#include "server/posix/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/testing/temp_dir.h"

namespace token_service::posix {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;

constexpr mode_t kMode = 0660;

auto Take(const std::string& path) { return UnixSocket::Take(path, kMode); }

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool Connects(const std::string& path) {
  const FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressOf(path);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// As a server that knows of no lock.
FileDescriptor BindPlainly(const std::string& path) {
  FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressOf(path);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(fd.get(), 5), 0);
  return fd;
}

size_t CountFiles(const TempDir& dir) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    (void)entry;
    ++count;
  }
  return count;
}

TEST(UnixSocketTest, StandsAtItsPathFromPublishOnWithItsMode) {
  const TempDir dir;
  const auto socket = Take(dir.File("s"));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_FALSE(std::filesystem::exists(dir.File("s")));
  ASSERT_TRUE((*socket)->Publish().ok());
  EXPECT_TRUE(Connects(dir.File("s")));
  struct stat status {};
  ASSERT_EQ(stat(dir.File("s").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, kMode);
}

TEST(UnixSocketTest, NothingIsLeftWhetherItWasPublishedOrNot) {
  const TempDir dir;
  ASSERT_TRUE(Take(dir.File("s")).ok());
  EXPECT_EQ(CountFiles(dir), 0u);
  {
    const auto socket = Take(dir.File("s"));
    ASSERT_TRUE(socket.ok()) << socket.status();
    ASSERT_TRUE((*socket)->Publish().ok());
  }
  EXPECT_EQ(CountFiles(dir), 0u);
}

TEST(UnixSocketTest, ASecondIsRefusedAndTheFirstGoesOn) {
  const TempDir dir;
  const auto first = Take(dir.File("s"));
  ASSERT_TRUE(first.ok()) << first.status();
  for (const bool published : {false, true}) {
    ASSERT_TRUE(!published || (*first)->Publish().ok());
    const absl::Status second = Take(dir.File("s")).status();
    EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(std::string(second.message()), "cannot listen on unix:" + dir.File("s") +
                                                 ": it is in use by another token-server (pid " +
                                                 std::to_string(getpid()) + ")");
  }
  EXPECT_TRUE(Connects(dir.File("s")));
}

TEST(UnixSocketTest, WhoAnswersHasThePathThoughItsLockIsGone) {
  const TempDir dir;
  const auto first = Take(dir.File("s"));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE((*first)->Publish().ok());
  std::filesystem::remove(dir.File("s.lock"));
  const absl::Status second = Take(dir.File("s")).status();
  EXPECT_THAT(std::string(second.message()), HasSubstr("another process listens there"));
  EXPECT_TRUE(Connects(dir.File("s")));
  EXPECT_EQ(CountFiles(dir), 1u) << "the refused one takes its own lock away again";
}

TEST(UnixSocketTest, WhoKnowsOfNoLockIsNotDrivenOut) {
  const TempDir dir;
  const FileDescriptor other = BindPlainly(dir.File("s"));
  EXPECT_FALSE(Take(dir.File("s")).ok());
  EXPECT_TRUE(Connects(dir.File("s")));
}

TEST(UnixSocketTest, ADeadServersSocketIsReplaced) {
  const TempDir dir;
  BindPlainly(dir.File("s"));  // Closed at once; the name stays.
  BindPlainly(dir.File("s.new"));
  std::ofstream(dir.File("s.lock")) << "1\n";
  const auto socket = Take(dir.File("s"));
  ASSERT_TRUE(socket.ok()) << socket.status();
  ASSERT_TRUE((*socket)->Publish().ok());
  EXPECT_TRUE(Connects(dir.File("s")));
}

TEST(UnixSocketTest, AFileIsLeftAlone) {
  const TempDir dir;
  std::ofstream(dir.File("s")) << "mine";
  EXPECT_THAT(std::string(Take(dir.File("s")).status().message()), HasSubstr("no socket"));
  EXPECT_EQ(std::filesystem::file_size(dir.File("s")), 4u);
  EXPECT_EQ(CountFiles(dir), 1u);
}

TEST(UnixSocketTest, WhatIsAnothersByNowIsNotRemovedAtTheEnd) {
  const TempDir dir;
  FileDescriptor other;
  {
    const auto socket = Take(dir.File("s"));
    ASSERT_TRUE(socket.ok()) << socket.status();
    ASSERT_TRUE((*socket)->Publish().ok());
    std::filesystem::remove(dir.File("s"));
    EXPECT_EQ((*socket)->Look(), UnixSocket::Place::kEmpty);
    other = BindPlainly(dir.File("s"));
    EXPECT_EQ((*socket)->Look(), UnixSocket::Place::kAnothers);
  }
  EXPECT_TRUE(Connects(dir.File("s")));
}

TEST(UnixSocketTest, OneThatWasRemovedIsMadeAnewWithItsLock) {
  const TempDir dir;
  const auto socket = Take(dir.File("s"));
  ASSERT_TRUE(socket.ok()) << socket.status();
  ASSERT_TRUE((*socket)->Publish().ok());
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    std::filesystem::remove(entry.path());
  }
  ASSERT_TRUE((*socket)->MakeAnew().ok());
  EXPECT_TRUE(Connects(dir.File("s")));
  EXPECT_EQ((*socket)->Look(), UnixSocket::Place::kOurs);
  EXPECT_FALSE(Take(dir.File("s")).ok());
}

TEST(UnixSocketTest, TheLongestPathThatClientsCanUseIsServed) {
  const TempDir dir;
  std::string path = dir.File("");
  path.append(sizeof(sockaddr_un::sun_path) - 1 - path.size(), 'x');
  const auto socket = Take(path);
  ASSERT_TRUE(socket.ok()) << socket.status();
  ASSERT_TRUE((*socket)->Publish().ok());
  EXPECT_TRUE(Connects(path));
}

TEST(UnixSocketTest, ADirectoryThatIsNotThereIsToldInTheSystemsWords) {
  const TempDir dir;
  EXPECT_THAT(std::string(Take(dir.File("absent/s")).status().message()),
              HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace token_service::posix
