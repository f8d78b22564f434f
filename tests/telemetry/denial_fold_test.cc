#include "server/telemetry/denial_fold.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/testing/fake_clock.h"

namespace token_service::telemetry {
namespace {

DenialKind Kind(const std::string& caller) {
  return {.caller = caller,
          .connection = "tls",
          .method = "GetAccessToken",
          .reason = "NO",
          .peer = "ipv4:1"};
}

class DenialFoldTest : public ::testing::Test {
 protected:
  int Deny(const std::string& caller, int times) {
    int written = 0;
    for (int i = 0; i < times; ++i) written += fold_.Admit(Kind(caller)) ? 1 : 0;
    return written;
  }

  testing::FakeClock clock_;
  DenialFold fold_{{.lines = 5, .interval = absl::Seconds(10), .most_kinds = 3}, clock_};
};

TEST_F(DenialFoldTest, TheFirstAreWrittenAndTheOthersCounted) {
  EXPECT_EQ(Deny("a", 1000), 5);
  EXPECT_TRUE(fold_.Take(false).empty()) << "the interval goes on";
  clock_.Advance(absl::Seconds(10));
  const auto repeats = fold_.Take(false);
  ASSERT_EQ(repeats.size(), 1u);
  EXPECT_EQ(repeats[0].kind, Kind("a"));
  EXPECT_EQ(repeats[0].count, 995u);
}

TEST_F(DenialFoldTest, WhoGoesOnIsALineAnInterval) {
  Deny("a", 10);
  for (int interval = 0; interval < 3; ++interval) {
    clock_.Advance(absl::Seconds(10));
    EXPECT_EQ(fold_.Take(false).size(), 1u);
    EXPECT_EQ(Deny("a", 100), 0);
  }
  // And whoever was quiet for one is new again.
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(fold_.Take(false)[0].count, 100u);
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(fold_.Take(false).empty());
  EXPECT_EQ(Deny("a", 10), 5);
}

TEST_F(DenialFoldTest, NothingIsLostAtTheEnd) {
  Deny("a", 8);
  Deny("b", 3);
  const auto repeats = fold_.Take(true);
  ASSERT_EQ(repeats.size(), 1u);
  EXPECT_EQ(repeats[0].count, 3u);
}

TEST_F(DenialFoldTest, StrangersWithoutEndAreOne) {
  int written = 0;
  for (int i = 0; i < 1000; ++i) written += Deny(std::to_string(i), 1);
  EXPECT_LE(written, 3 + 5);
  uint64_t counted = 0;
  for (const auto& repeats : fold_.Take(true)) counted += repeats.count;
  EXPECT_EQ(counted + static_cast<uint64_t>(written), 1000u);
}

TEST(PeerHostTest, LeavesOutThePort) {
  EXPECT_EQ(PeerHost("ipv4:192.0.2.7:4711"), "ipv4:192.0.2.7");
  EXPECT_EQ(PeerHost("ipv6:[2001:db8::1]:4711"), "ipv6:[2001:db8::1]");
  EXPECT_EQ(PeerHost("unix:/run/s?uid=7"), "unix:/run/s?uid=7");
  EXPECT_EQ(PeerHost(""), "");
}

}  // namespace
}  // namespace token_service::telemetry
