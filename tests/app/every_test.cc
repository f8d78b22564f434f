#include "server/app/every.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/testing/fake_timer_queue.h"

namespace token_service::app {
namespace {

TEST(EveryTest, CallsAfterAnIntervalAndAfterEachOneMore) {
  testing::FakeClock clock;
  testing::FakeTimerQueue timers(clock);
  int calls = 0;
  Every(
      absl::Seconds(2), [&calls] { ++calls; }, timers, clock);
  timers.Advance(absl::Seconds(1));
  EXPECT_EQ(calls, 0);
  timers.Advance(absl::Seconds(1));
  EXPECT_EQ(calls, 1);
  timers.Advance(absl::Seconds(4));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(timers.pending(), 1u);
}

TEST(EveryTest, WhatItTakesAlongIsThereAtEachCall) {
  testing::FakeClock clock;
  testing::FakeTimerQueue timers(clock);
  int seen = 0;
  Every(
      absl::Seconds(1), [own = std::make_unique<int>(0), &seen] { seen = ++*own; }, timers, clock);
  timers.Advance(absl::Seconds(3));
  EXPECT_EQ(seen, 3);
}

}  // namespace
}  // namespace token_service::app
