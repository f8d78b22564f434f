#include "server/net/growth_watch.h"

#include <gtest/gtest.h>

namespace token_service::net {
namespace {

TEST(GrowthWatchTest, MemoryThatIsThereFromTheBeginningDoesNotGrow) {
  GrowthWatch watch;
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(watch.Grows(uint64_t{4} << 30));
}

TEST(GrowthWatchTest, GrowthWithinTenSecondsIsSeen) {
  GrowthWatch watch;
  EXPECT_FALSE(watch.Grows(100 << 20));
  EXPECT_FALSE(watch.Grows(164 << 20));
  EXPECT_TRUE(watch.Grows((164 << 20) + 1));
}

TEST(GrowthWatchTest, SlowGrowthIsNot) {
  GrowthWatch watch;
  for (uint64_t i = 1; i < 1000; ++i) EXPECT_FALSE(watch.Grows(i * (600 << 10)));
}

TEST(ResidentBytesTest, AreSomeMegabytes) {
  EXPECT_GT(ResidentBytes(), 1u << 20);
  EXPECT_LT(ResidentBytes(), uint64_t{1} << 40);
}

}  // namespace
}  // namespace token_service::net
