#include "server/base/alarm.h"

#include <gtest/gtest.h>

#include <thread>

#include "server/base/clock.h"

namespace token_service {
namespace {

TEST(AlarmTest, NeverGoesOffEarly) {
  Alarm alarm;
  const MonotonicTime start = SystemClock().Now();
  alarm.Set(absl::Milliseconds(20));
  alarm.Await();
  EXPECT_GE(SystemClock().Now() - start, absl::Milliseconds(20));
}

TEST(AlarmTest, GoesOffAtOnceEvenIfNobodyWaitsYet) {
  Alarm alarm;
  alarm.Set(absl::ZeroDuration());
  alarm.Await();
}

TEST(AlarmTest, AnotherThreadEndsASleep) {
  Alarm alarm;
  alarm.Set(absl::Hours(24 * 365 * 100));
  std::thread other([&] { alarm.Set(absl::ZeroDuration()); });
  alarm.Await();
  other.join();
}

TEST(AlarmTest, WhatIsSetLaterCounts) {
  Alarm alarm;
  alarm.Set(absl::InfiniteDuration());
  alarm.Set(absl::Nanoseconds(1));
  alarm.Await();
}

}  // namespace
}  // namespace token_service
