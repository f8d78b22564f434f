#include "server/net/frame_heads.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/net/frames.h"

namespace token_service::net {
namespace {

class FrameHeadsTest : public ::testing::Test {
 protected:
  bool Read(std::string_view bytes) {
    return heads_.Read(bytes, [&](const FrameHead& head) { found_.push_back(head); });
  }

  FrameHeads heads_{kClientPreface};
  std::vector<FrameHead> found_;
};

TEST_F(FrameHeadsTest, AHeadHasFourFields) {
  ASSERT_TRUE(Read(std::string(kClientPreface) + Frame(1, 5, 0x7fffffff, 70'000)));
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(found_[0].kind, 1);
  EXPECT_EQ(found_[0].flags, 5);
  EXPECT_EQ(found_[0].stream, 0x7fffffffu);
  EXPECT_EQ(found_[0].length, 70'000u);
}

TEST_F(FrameHeadsTest, TheReservedBitIsNoPartOfTheStream) {
  ASSERT_TRUE(Read(std::string(kClientPreface) + Frame(1, 0, 0x80000003)));
  EXPECT_EQ(found_.at(0).stream, 3u);
}

TEST_F(FrameHeadsTest, BytesMayBeCutAnywhere) {
  const std::string all =
      std::string(kClientPreface) + Frame(4, 0, 0, 6) + Frame(1, 4, 1, 20) + Frame(0, 1, 1);
  for (size_t piece = 1; piece < all.size(); ++piece) {
    FrameHeads heads(kClientPreface);
    std::vector<uint8_t> kinds;
    for (size_t at = 0; at < all.size(); at += piece) {
      ASSERT_TRUE(heads.Read(std::string_view(all).substr(at, piece),
                             [&](const FrameHead& head) { kinds.push_back(head.kind); }));
    }
    EXPECT_EQ(kinds, (std::vector<uint8_t>{4, 1, 0})) << "in pieces of " << piece;
  }
}

TEST_F(FrameHeadsTest, AHeadIsToldBeforeItsPayloadIsThere) {
  ASSERT_TRUE(Read(std::string(kClientPreface) + Frame(0, 0, 1, 1000).substr(0, 9)));
  EXPECT_EQ(found_.size(), 1u);
}

TEST_F(FrameHeadsTest, WithoutThePrefaceNothingIsTold) {
  EXPECT_FALSE(heads_.begun());
  EXPECT_TRUE(Read(kClientPreface.substr(0, 10)));
  EXPECT_FALSE(heads_.begun());
  EXPECT_FALSE(Read("GET / HTTP/1.1\r\n"));
  EXPECT_TRUE(found_.empty());
}

}  // namespace
}  // namespace token_service::net
