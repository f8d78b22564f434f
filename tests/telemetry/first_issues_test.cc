#include "server/telemetry/first_issues.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace token_service::telemetry {
namespace {

TEST(FirstIssuesTest, OnlyTheFirstTimeIsNew) {
  FirstIssues issues;
  EXPECT_TRUE(issues.Note(1, 1, 1));
  EXPECT_FALSE(issues.Note(1, 1, 1));
  EXPECT_TRUE(issues.Note(1, 1, 2)) << "the next generation";
  EXPECT_TRUE(issues.Note(2, 1, 2)) << "another caller";
  EXPECT_TRUE(issues.Note(1, 2, 2)) << "another credential";
  EXPECT_FALSE(issues.Note(1, 1, 2));
  EXPECT_FALSE(issues.Note(2, 1, 2));
  EXPECT_FALSE(issues.Note(1, 2, 2));
}

TEST(FirstIssuesTest, TellsTenThousandPairsApart) {
  FirstIssues issues;
  for (uint64_t caller = 1; caller <= 100; ++caller) {
    for (uint64_t credential = 1; credential <= 100; ++credential) {
      EXPECT_TRUE(issues.Note(caller, credential, 1));
    }
  }
  int again = 0;
  for (uint64_t caller = 1; caller <= 100; ++caller) {
    for (uint64_t credential = 1; credential <= 100; ++credential) {
      again += issues.Note(caller, credential, 1) ? 1 : 0;
    }
  }
  EXPECT_EQ(again, 0);
}

TEST(FirstIssuesTest, WhatIsCrowdedOutIsNewAgainAndNothingIsMissed) {
  FirstIssues issues;
  // Three times as many as there is room for.
  for (uint64_t credential = 1; credential <= 800'000; ++credential) {
    ASSERT_TRUE(issues.Note(7, credential, 1)) << credential;
  }
  EXPECT_FALSE(issues.Note(7, 800'000, 1));
}

TEST(FirstIssuesTest, OneOfManyThreadsIsFirst) {
  FirstIssues issues;
  for (uint64_t generation = 1; generation <= 200; ++generation) {
    std::atomic<int> first = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { first += issues.Note(3, 4, generation) ? 1 : 0; });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(first, 1) << "generation " << generation;
  }
}

}  // namespace
}  // namespace token_service::telemetry
