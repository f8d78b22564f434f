#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>

#include "server/store/sqlite/open_credential_store.h"
#include "tests/store/records.h"
#include "tests/testing/temp_dir.h"

namespace token_service::testing {
namespace {

constexpr int kRounds = 25;
constexpr int kMaxLines = 400;
constexpr char kThreads[] = "4";

// What the child was told to be durable about one credential.
struct Known {
  bool created = false;
  uint64_t token = 0;    // Newest generation committed.
  bool begun = false;    // An attempt on that generation.
  bool granted = false;  // A new grant since that commit.
  int64_t quarantined = 0;
};
using AllKnown = std::map<std::string, Known>;

void Learn(const std::string& line, AllKnown& all) {
  std::istringstream words(line);
  char what = 0;
  std::string name;
  uint64_t number = 0;
  ASSERT_TRUE(words >> what >> name >> number) << line;
  Known& known = all[name];
  switch (what) {
    case 'C':
      known.created = true;
      break;
    case 'B':
      known.begun = true;
      break;
    case 'T':
      known.token = number;
      known.begun = known.granted = false;
      break;
    case 'Q':
      known.quarantined = static_cast<int64_t>(number);
      break;
    case 'G':
      known.granted = true;
      break;
    default:
      FAIL() << line;
  }
}

// Starts the child, kills it after `lines` lines and learns from all it wrote.
void RunAndKill(const std::string& dir, int lines, AllKnown& all) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = TS_CRASH_CHILD;
  std::string data_dir = dir;
  std::string threads = kThreads;
  std::array<char*, 4> argv = {program.data(), data_dir.data(), threads.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  const std::unique_ptr<FILE, int (*)(FILE*)> output(fdopen(ends[0], "r"), fclose);
  std::array<char, 128> line{};
  int seen = 0;
  // To the end: what was written before the kill counts too.
  while (fgets(line.data(), line.size(), output.get()) != nullptr) {
    Learn(line.data(), all);
    if (++seen == lines) kill(child, SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
}

void ExpectNothingLost(const std::string& name, const Known& known,
                       broker::CredentialStore& store) {
  const auto record = store.Load(name);
  ASSERT_TRUE(record.ok()) << record.status();
  ASSERT_FALSE(record->unreadable);
  const uint64_t generation = record->generation;
  // Killed after the commit and before it could be told: one more than known.
  ASSERT_GE(generation, known.token);
  ASSERT_LE(generation, known.token + 1);

  // The whole row is of one generation.
  EXPECT_EQ(record->token.has_value(), generation > 0);
  if (record->token.has_value()) {
    EXPECT_EQ(record->token->value.Reveal(), AccessTokenOf(name, generation));
  }
  const bool is_grant = record->refresh_token.Reveal().starts_with("granted");
  if (!is_grant) {
    EXPECT_EQ(record->refresh_token.Reveal(), RefreshTokenOf(name, generation));
  }
  if (generation == known.token) {
    EXPECT_TRUE(is_grant || !known.granted);
    if (known.begun) {
      ASSERT_TRUE(record->attempt.has_value());
      EXPECT_EQ(record->attempt->id, name + "/" + std::to_string(generation));
    }
  } else {
    EXPECT_FALSE(record->attempt.has_value());
  }
  if (generation > 0) {
    const Secret before(std::string_view(RefreshTokenOf(name, generation - 1)));
    const auto remembered = store.LookUp(name, before);
    ASSERT_TRUE(remembered.ok()) << remembered.status();
    EXPECT_TRUE(remembered->spent.has_value()) << "what was replaced is forgotten";
  }
  const auto quarantined = store.CountEvidence(name);
  ASSERT_TRUE(quarantined.ok()) << quarantined.status();
  const auto most = static_cast<int64_t>(broker::kMostEvidence);
  EXPECT_GE(*quarantined, std::min(known.quarantined, most));
  EXPECT_LE(*quarantined, std::min(known.quarantined + 1, most));
}

TEST(CrashTest, WhatWasReportedDurableSurvivesKilling) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const TempDir dir;
  AllKnown all;
  for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const int lines = std::uniform_int_distribution(1, kMaxLines)(random);
    RunAndKill(dir.path(), lines, all);
    auto store = store::OpenCredentialStore({.data_dir = dir.path(), .key_file = ""});
    ASSERT_TRUE(store.ok()) << store.status();
    for (auto& [name, known] : all) {
      ExpectNothingLost(name, known, **store);
      // The next child goes on from what is there.
      const auto record = (*store)->Load(name);
      ASSERT_TRUE(record.ok()) << record.status();
      known = {.created = true,
               .token = record->generation,
               .begun = record->attempt.has_value(),
               .granted = record->refresh_token.Reveal().starts_with("granted"),
               .quarantined = *(*store)->CountEvidence(name)};
    }
  }
  EXPECT_FALSE(all.empty());
}

}  // namespace
}  // namespace token_service::testing
