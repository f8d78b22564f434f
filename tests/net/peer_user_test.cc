#include "server/net/peer_user.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace token_service::net {
namespace {

// As gRPC writes an address.
std::string Written(const sockaddr_storage& address) {
  const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &ipv4.sin_addr, text, sizeof(text));
  return "ipv4:" + std::string(text) + ":" + std::to_string(ntohs(ipv4.sin_port));
}

TEST(PeerUserTest, AConnectionOfAUnixSocketBearsItsUser) {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;  // The kernel chooses one.
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof(sa_family_t)), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  socklen_t size = sizeof(name);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size), 0);
  const int caller = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect(caller, reinterpret_cast<sockaddr*>(&name), size), 0);

  const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ASSERT_GE(connection, 0);
  sockaddr_storage address{};
  size = sizeof(address);
  ASSERT_EQ(getpeername(connection, reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(address.ss_family, AF_INET);
  EXPECT_EQ(size, sizeof(sockaddr_in));
  EXPECT_EQ(UserOf(Written(address)), geteuid());
  for (const int fd : {connection, caller, listener}) close(fd);
}

TEST(PeerUserTest, ReadsWhatGrpcWrites) {
  EXPECT_EQ(UserOf("ipv4:0.0.3.232:0"), 1000u);
  EXPECT_EQ(UserOf("ipv4:255.255.255.254:0"), UINT32_MAX - 1);
  EXPECT_EQ(UserOf("ipv4:0.0.0.0:0"), 0u);
  for (const char* other : {"ipv4:127.0.0.1:50000", "ipv6:[::1]:0", "unix:/run/s", "unix:", "",
                            "ipv4:1.2.3:0", "ipv4::0", "ipv4:0.0.3.232:00"}) {
    EXPECT_EQ(UserOf(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace token_service::net
