#include "server/telemetry/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_clock.h"

namespace token_service::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() {
    char name[] = "/tmp/audit-XXXXXX";
    directory_ = mkdtemp(name);
    file_ = directory_ + "/audit.log";
  }
  ~AuditLogTest() override {
    std::remove(file_.c_str());
    std::remove((file_ + ".1").c_str());
    rmdir(directory_.c_str());
  }

  std::unique_ptr<AuditLog> Open(size_t most_queued_bytes = 1 << 20) {
    auto log = AuditLog::Create({.file = file_, .most_queued_bytes = most_queued_bytes}, clock_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  static std::vector<std::string> Lines(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static void Await(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000 && !done(); ++i) usleep(1000);
    ASSERT_TRUE(done());
  }

  std::string directory_;
  std::string file_;
  testing::FakeClock clock_;
};

TEST_F(AuditLogTest, WritesALineForEachEventInAFileOfItsOwn) {
  {
    const auto log = Open();
    log->Write("denied", {{"caller", "spiffe://example.org/x"}, {"generation", 7}});
    log->Write("stop", {});
    EXPECT_EQ(log->lines(), 2u);
  }
  EXPECT_THAT(Lines(file_), ElementsAre(R"({"time":"2023-11-14T22:13:20.000Z","event":"denied",)"
                                        R"("caller":"spiffe://example.org/x","generation":7})",
                                        R"({"time":"2023-11-14T22:13:20.000Z","event":"stop"})"));
  struct stat facts {};
  ASSERT_EQ(stat(file_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(AuditLogTest, NothingInAValueBeginsALine) {
  {
    const auto log = Open();
    log->Write("denied",
               {{"credential", std::string_view("a\n{\"event\":\"start\"}\r\x1b[2J\xff\x00", 26)}});
  }
  const auto lines = Lines(file_);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr(R"("credential":"a\n{\"event\":\"start\"}\u000d\u001b[2J)"
                                  "\xEF\xBF\xBD"));
}

TEST_F(AuditLogTest, AppendsToWhatIsThere) {
  Open()->Write("start", {});
  Open()->Write("start", {});
  EXPECT_EQ(Lines(file_).size(), 2u);
}

TEST_F(AuditLogTest, GoesOnInANewFileAfterARename) {
  const auto log = Open();
  log->Write("one", {});
  Await([&] { return Lines(file_).size() == 1; });
  ASSERT_EQ(std::rename(file_.c_str(), (file_ + ".1").c_str()), 0);
  log->Reopen();
  Await([&] { return access(file_.c_str(), F_OK) == 0; });
  log->Write("two", {});
  Await([&] { return Lines(file_).size() == 1; });
  EXPECT_THAT(Lines(file_ + ".1")[0], HasSubstr("one"));
  EXPECT_THAT(Lines(file_)[0], HasSubstr("two"));
}

TEST_F(AuditLogTest, AFileThatCannotBeOpenedIsOneLineThatNamesIt) {
  const auto log = AuditLog::Create({.file = directory_ + "/none/audit.log"}, clock_);
  EXPECT_TRUE(absl::IsUnavailable(log.status()));
  EXPECT_THAT(std::string(log.status().message()),
              ::testing::AllOf(HasSubstr("audit.file: "), HasSubstr("/none/audit.log"),
                               HasSubstr("No such file")));
}

TEST_F(AuditLogTest, AFullDiskKeepsLinesUntilThereIsRoomAndDropsWhatDoesNotFit) {
  ASSERT_EQ(symlink("/dev/full", file_.c_str()), 0);
  {
    const auto log = Open(/*most_queued_bytes=*/4096);
    log->Write("first", {});
    Await([&] { return log->failures() > 0; });
    for (int i = 0; i < 200; ++i) log->Write("flood", {{"number", i}});
    EXPECT_GT(log->dropped(), 0u);
    EXPECT_LT(log->dropped(), 200u);
    const uint64_t dropped = log->dropped();
    ASSERT_EQ(unlink(file_.c_str()), 0);
    log->Reopen();
    Await([&] { return Lines(file_).size() > 1; });
    log->Write("last", {});
    Await([&] { return Lines(file_).back().find("last") != std::string::npos; });
    const auto lines = Lines(file_);
    EXPECT_THAT(lines.front(), HasSubstr("first"));
    EXPECT_THAT(lines[lines.size() - 2],
                HasSubstr(absl::StrCat("\"event\":\"audit_lines_dropped\",\"lines\":", dropped)));
    EXPECT_EQ(lines.size(), 1 + (200 - dropped) + 1 + 1);
  }
}

TEST_F(AuditLogTest, EndsThoughTheDiskIsFull) {
  ASSERT_EQ(symlink("/dev/full", file_.c_str()), 0);
  const auto log = Open();
  log->Write("first", {});
}

TEST_F(AuditLogTest, LinesOfManyThreadsAreWhole) {
  {
    const auto log = Open();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) log->Write("denied", {{"number", i}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const auto lines = Lines(file_);
  EXPECT_EQ(lines.size(), 800u);
  EXPECT_THAT(lines, ::testing::Each(::testing::AllOf(::testing::StartsWith("{\"time\""),
                                                      ::testing::EndsWith("}"))));
}

}  // namespace
}  // namespace token_service::telemetry
