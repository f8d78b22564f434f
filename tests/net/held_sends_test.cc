#include "server/net/held_sends.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace token_service::net {
namespace {

std::vector<int>& Pushed() {
  static auto* const pushed = new std::vector<int>;
  return *pushed;
}

class HeldSendsTest : public ::testing::Test {
 protected:
  HeldSendsTest() { Pushed().clear(); }

  static MonotonicTime At(int microseconds) {
    return MonotonicTime(absl::Hours(1) + absl::Microseconds(microseconds));
  }

  HeldSends sends_ = HeldSends([](int fd) { Pushed().push_back(fd); });
};

TEST_F(HeldSendsTest, CallsApartAreNotHeld) {
  EXPECT_FALSE(sends_.Answers(At(0)));
  EXPECT_FALSE(sends_.Hold());
  EXPECT_FALSE(sends_.Answers(At(1000)));
  EXPECT_FALSE(sends_.Hold());
}

TEST_F(HeldSendsTest, CallsThatFollowEachOtherAreHeldUntilPushed) {
  EXPECT_FALSE(sends_.Answers(At(0)));
  EXPECT_TRUE(sends_.Answers(At(10)));
  ASSERT_TRUE(sends_.Hold());
  sends_.Held(7);
  // Push is on its way already.
  EXPECT_FALSE(sends_.Answers(At(20)));
  ASSERT_TRUE(sends_.Hold());
  sends_.Held(8);
  ASSERT_TRUE(sends_.Hold());
  sends_.Held(7);
  EXPECT_EQ(Pushed(), std::vector<int>());

  sends_.Push();
  EXPECT_EQ(Pushed(), (std::vector<int>{7, 8}));
  EXPECT_FALSE(sends_.Hold());
  EXPECT_TRUE(sends_.Answers(At(30)));
}

TEST_F(HeldSendsTest, WhatIsSentWhilePushComesIsPushedAtOnce) {
  EXPECT_FALSE(sends_.Answers(At(0)));
  EXPECT_TRUE(sends_.Answers(At(10)));
  ASSERT_TRUE(sends_.Hold());
  sends_.Push();
  EXPECT_EQ(Pushed(), std::vector<int>());
  sends_.Held(7);
  EXPECT_EQ(Pushed(), std::vector<int>{7});
}

TEST_F(HeldSendsTest, NothingIsHeldForLong) {
  EXPECT_FALSE(sends_.Answers(At(0)));
  EXPECT_TRUE(sends_.Answers(At(10)));
  int held = 0;
  for (int i = 0; i < 160; ++i) held += sends_.Hold() ? 1 : 0;
  EXPECT_EQ(held, 150);
}

TEST(HeldSendsOnTcpTest, PushHasTheKernelSend) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, generic, size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, generic, &size), 0);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(connect(connection, generic, size), 0);

  HeldSends sends;
  EXPECT_FALSE(sends.Answers(MonotonicTime()));
  EXPECT_TRUE(sends.Answers(MonotonicTime()));
  ASSERT_TRUE(sends.Hold());
  ASSERT_EQ(send(connection, "x", 1, MSG_MORE), 1);
  sends.Held(connection);
  sends.Push();
  int unsent = -1;
  ASSERT_EQ(ioctl(connection, SIOCOUTQNSD, &unsent), 0);
  EXPECT_EQ(unsent, 0);

  close(connection);
  close(listener);
}

}  // namespace
}  // namespace token_service::net
