#include "server/base/ip_host.h"

#include <gtest/gtest.h>

namespace token_service {
namespace {

TEST(IpHostTest, KnowsLoopbackHosts) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "localhost", "LocalHost"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"", "0.0.0.0", "128.0.0.1", "::", "[::1]", "127.1", "2130706433",
                           "localhost.example.org", "127.0.0.1.example.org", "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
  EXPECT_FALSE(IsLoopbackHost(std::string_view("127.0.0.1\0.example.org", 22)));
}

}  // namespace
}  // namespace token_service
