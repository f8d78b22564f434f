#include "server/telemetry/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"

namespace token_service::telemetry {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

template <typename Body>
std::string Captured(Body body) {
  FlushLog();
  ::testing::internal::CaptureStderr();
  body();
  FlushLog();
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogTest, WritesJsonWhenStderrIsNoTerminal) {
  ConfigureLog(Level::kInfo, Format::kJson);
  const std::string out = Captured([] { Log(Level::kInfo, "hello", {{"n", 1}}); });
  EXPECT_THAT(out, HasSubstr(R"("level":"info","event":"hello","n":1})"
                             "\n"));
}

TEST(LogTest, WritesTextWhenAsked) {
  ConfigureLog(Level::kInfo, Format::kText);
  const std::string out = Captured([] { Log(Level::kError, "hello", {{"n", 1}}); });
  EXPECT_THAT(out, HasSubstr("ERROR hello n=1\n"));
}

TEST(LogTest, LeavesOutWhatIsBelowTheLevel) {
  ConfigureLog(Level::kWarning, Format::kJson);
  const std::string out = Captured([] {
    Log(Level::kInfo, "quiet");
    Log(Level::kWarning, "loud");
  });
  EXPECT_THAT(out, Not(HasSubstr("quiet")));
  EXPECT_THAT(out, HasSubstr("loud"));
}

TEST(LogTest, TheAuditIsThereWhateverTheLevel) {
  ConfigureLog(Level::kError, Format::kJson);
  const std::string out = Captured([] { LogAudit("denied", {{"caller", "x"}}); });
  EXPECT_THAT(out, HasSubstr(R"("level":"info","event":"denied","audit":true,"caller":"x"})"
                             "\n"));
}

TEST(LogTest, LinesOfManyThreadsAreWhole) {
  ConfigureLog(Level::kInfo, Format::kJson);
  const std::string filler(500, 'x');
  std::string out = Captured([&] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) Log(Level::kInfo, "line", {{"filler", filler}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  ASSERT_TRUE(out.ends_with('\n'));
  out.pop_back();
  const std::vector<std::string> lines = absl::StrSplit(out, '\n');
  EXPECT_THAT(lines, SizeIs(400));
  EXPECT_THAT(lines,
              Each(::testing::EndsWith("\"event\":\"line\",\"filler\":\"" + filler + "\"}")));
}

// Stderr is a full pipe that nobody reads: callers go on, and later the loss is owned up to.
TEST(LogTest, NeverWaitsForStderr) {
  ConfigureLog(Level::kInfo, Format::kJson);
  FlushLog();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_GE(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
  const int saved = dup(STDERR_FILENO);
  ASSERT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
  close(ends[1]);

  for (int i = 0; i < 10'000; ++i) Log(Level::kInfo, "flood", {{"i", i}});  // Hangs if it waits.

  std::string out;
  std::thread reader([&] {
    char buffer[65536];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
      out.append(buffer, static_cast<size_t>(n));
    }
  });
  FlushLog();
  dup2(saved, STDERR_FILENO);
  close(saved);
  reader.join();
  close(ends[0]);
  EXPECT_THAT(out, HasSubstr("log lines lost"));
  EXPECT_THAT(out, HasSubstr("\"i\":9999}"));
}

}  // namespace
}  // namespace token_service::telemetry
