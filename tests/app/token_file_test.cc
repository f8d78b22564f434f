#include "server/config/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/app/scratch_dir.h"

namespace token_service::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(TokenFileTest, TrimsWhiteSpaceAroundTheToken) {
  const ScratchDir dir;
  for (const char* content : {"abc+/==", "abc+/==\n", "\r\n \tabc+/==\r\n\n", " abc+/=="}) {
    const auto token = ReadTokenFile(dir.Write("t", content));
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->Reveal(), "abc+/==");
  }
}

TEST(TokenFileTest, TakesTheLongestTokenAndNoLonger) {
  const ScratchDir dir;
  EXPECT_EQ(ReadTokenFile(dir.Write("t", std::string(16384, 'x') + "\n"))->size(), 16384U);
  const std::string path = dir.Write("t", std::string(16385, 'x'));
  EXPECT_EQ(ReadTokenFile(path).status(),
            absl::InvalidArgumentError(path + ": is too large for a token"));
  dir.Write("t", std::string(1 << 20, ' '));
  EXPECT_EQ(ReadTokenFile(path).status(),
            absl::InvalidArgumentError(path + ": is longer than 65536 bytes"));
}

TEST(TokenFileTest, RefusesEmptyAndUnprintableNamingOnlyTheFile) {
  const ScratchDir dir;
  for (const char* content : {"", " \n\n"}) {
    const std::string path = dir.Write("t", content);
    EXPECT_EQ(ReadTokenFile(path).status(), absl::InvalidArgumentError(path + ": is empty"));
  }
  for (const std::string& content :
       {std::string("sentinel\nsentinel"), std::string("sentinel\0", 9),
        std::string("sentinel\x7f"), std::string("sentinel\xC3\xA9"),
        std::string("\xEF\xBB\xBFsentinel")}) {
    const absl::Status status = ReadTokenFile(dir.Write("t", content)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr(dir.Path("t") + ": holds a character that no token has"));
    EXPECT_THAT(message, Not(HasSubstr("sentinel")));
  }
}

TEST(TokenFileTest, NamesAFileThatIsNotThere) {
  const ScratchDir dir;
  const std::string path = dir.Path("none");
  EXPECT_EQ(ReadTokenFile(path).status(),
            absl::NotFoundError(path + ": No such file or directory"));
}

TEST(TokenFileTest, RefusesADirectoryAndAFifoWithoutWaiting) {
  const ScratchDir dir;
  EXPECT_EQ(ReadTokenFile(dir.path()).status(),
            absl::InvalidArgumentError(dir.path() + ": is a directory, not a regular file"));
  const std::string fifo = dir.Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(ReadTokenFile(fifo).status(),
            absl::InvalidArgumentError(fifo + ": is not a regular file"));
}

TEST(TokenFileTest, NamesAFileItMayNotRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const ScratchDir dir;
  const std::string path = dir.Write("t", "abc");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  EXPECT_EQ(ReadTokenFile(path).status(),
            absl::PermissionDeniedError(path + ": Permission denied"));
}

TEST(TokenFileTest, CheckReadableSaysTheSameWithoutReading) {
  const ScratchDir dir;
  EXPECT_EQ(CheckReadable(dir.Write("empty", "")), absl::OkStatus());
  EXPECT_EQ(CheckReadable(dir.Path("none")).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace token_service::app
