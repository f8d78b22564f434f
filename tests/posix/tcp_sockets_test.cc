#include "server/posix/tcp_sockets.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "server/posix/listening_sockets.h"

namespace token_service::posix {
namespace {

using ::testing::HasSubstr;

bool Connects(const char* host, int port) {
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  const bool is_ipv4 = inet_pton(AF_INET, host, &ipv4.sin_addr) == 1;
  const FileDescriptor fd(socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (is_ipv4) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(static_cast<uint16_t>(port));
    return connect(fd.get(), reinterpret_cast<const sockaddr*>(&ipv4), sizeof(ipv4)) == 0;
  }
  EXPECT_EQ(inet_pton(AF_INET6, host, &ipv6.sin6_addr), 1);
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(static_cast<uint16_t>(port));
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&ipv6), sizeof(ipv6)) == 0;
}

bool HasIpv6() { return ListenOnTcp("::1", 0).ok(); }

TEST(TcpSocketsTest, TheAddressOfAllOfIpv4TakesNothingOfIpv6) {
  if (!HasIpv6()) GTEST_SKIP() << "no IPv6 here";
  const auto all = ListenOnTcp("0.0.0.0", 0);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_TRUE(Connects("127.0.0.1", all->port));
  EXPECT_FALSE(Connects("::1", all->port));
}

TEST(TcpSocketsTest, TheAddressOfAllOfIpv6TakesNothingOfIpv4) {
  if (!HasIpv6()) GTEST_SKIP() << "no IPv6 here";
  const auto all = ListenOnTcp("::", 0);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_TRUE(Connects("::1", all->port));
  EXPECT_FALSE(Connects("127.0.0.1", all->port));
}

TEST(TcpSocketsTest, BothGoTogetherOnOnePort) {
  if (!HasIpv6()) GTEST_SKIP() << "no IPv6 here";
  const auto ipv4 = ListenOnTcp("0.0.0.0", 0);
  ASSERT_TRUE(ipv4.ok()) << ipv4.status();
  const auto ipv6 = ListenOnTcp("::", ipv4->port);
  EXPECT_TRUE(ipv6.ok()) << ipv6.status();
}

TEST(TcpSocketsTest, LocalhostIsBothLoopbacksOnOnePort) {
  const auto both = ListenOnTcp("localhost", 0);
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_TRUE(Connects("127.0.0.1", both->port));
  EXPECT_EQ(Connects("::1", both->port), HasIpv6());
}

TEST(TcpSocketsTest, APortThatIsTakenIsToldInTheSystemsWords) {
  const auto first = ListenOnTcp("127.0.0.1", 0);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = ListenOnTcp("127.0.0.1", first->port).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(
      std::string(second.message()),
      "cannot listen on 127.0.0.1:" + std::to_string(first->port) + ": Address already in use");
}

TEST(TcpSocketsTest, AnAddressOfAnotherMachineIsToldInTheSystemsWords) {
  const absl::Status status = ListenOnTcp("192.0.2.1", 0).status();
  EXPECT_EQ(std::string(status.message()),
            "cannot listen on 192.0.2.1:0: Cannot assign requested address");
}

TEST(ListeningSocketsTest, TheAddressHasThePortThatWasFound) {
  const auto ipv4 = ListeningSockets::OnTcp("127.0.0.1", 0);
  ASSERT_TRUE(ipv4.ok()) << ipv4.status();
  EXPECT_THAT(ipv4->address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  if (!HasIpv6()) return;
  const auto ipv6 = ListeningSockets::OnTcp("::1", 0);
  ASSERT_TRUE(ipv6.ok()) << ipv6.status();
  EXPECT_THAT(ipv6->address(), ::testing::MatchesRegex("\\[::1\\]:[1-9][0-9]*"));
}

}  // namespace
}  // namespace token_service::posix
