#include "server/config/address.h"

#include <gtest/gtest.h>

#include <string>

namespace token_service::app {
namespace {

TEST(AddressTest, ReadsWhatServersListenOn) {
  const struct {
    std::string_view text;
    Address address;
  } cases[] = {
      {"127.0.0.1:8443", TcpAddress{"127.0.0.1", 8443}},
      {"0.0.0.0:0", TcpAddress{"0.0.0.0", 0}},
      {"localhost:65535", TcpAddress{"localhost", 65535}},
      {"[::1]:80", TcpAddress{"::1", 80}},
      {"[::]:80", TcpAddress{"::", 80}},
      {"unix:/run/token.sock", UnixAddress{"/run/token.sock"}},
      {"unix:///run/token.sock", UnixAddress{"/run/token.sock"}},
      {"unix:token.sock", UnixAddress{"token.sock"}},
  };
  for (const auto& c : cases) {
    const auto address = ParseAddress(c.text);
    ASSERT_TRUE(address.ok()) << c.text << ": " << address.status();
    EXPECT_EQ(*address, c.address) << c.text;
    EXPECT_EQ(*ParseAddress(FormatAddress(*address)), *address) << c.text;
  }
}

TEST(AddressTest, FormatsForGrpc) {
  EXPECT_EQ(FormatAddress(TcpAddress{"127.0.0.1", 80}), "127.0.0.1:80");
  EXPECT_EQ(FormatAddress(TcpAddress{"::1", 80}), "[::1]:80");
  EXPECT_EQ(FormatAddress(UnixAddress{"/run/s"}), "unix:/run/s");
}

TEST(AddressTest, SaysWhatIsWrong) {
  const std::string port = "the port must be a number from 0 to 65535";
  const std::string host = "the host must be an IP address or localhost";
  const struct {
    std::string text;
    std::string error;
  } cases[] = {
      {"", "expected HOST:PORT, [IPV6]:PORT or unix:PATH"},
      {"8443", "expected HOST:PORT, [IPV6]:PORT or unix:PATH"},
      {":8443",
       "a host is missing before the port (0.0.0.0 for all of IPv4, [::] for all of IPv6)"},
      {"127.0.0.1:", port},
      {"127.0.0.1:x", port},
      {"127.0.0.1:-1", port},
      {"127.0.0.1: 1", port},
      {"127.0.0.1:65536", port},
      {"127.0.0.1:99999999999", port},
      {"::1", "an IPv6 address goes in brackets: [IPV6]:PORT"},
      {"::1:80", "an IPv6 address goes in brackets: [IPV6]:PORT"},
      {"[::1]", host},
      {"[localhost]:80", host},
      {"example.org:80", host},
      {"127.1:80", host},
      {"*:80", host},
      {std::string("127.0.0.1\0x:80", 14), host},
      {"unix:@x",
       "an abstract unix socket has no owner and no mode: whoever is on this machine could use it "
       "or "
       "take it; give a path (./@NAME for a file of that name)"},
      {"unix:", "a path is missing after unix:"},
      {"unix:/" + std::string(107, 'x'), "the path of a unix socket has at most 107 characters"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ParseAddress(c.text).status(), absl::InvalidArgumentError(c.error)) << c.text;
  }
}

TEST(AddressTest, AnAddressHasOneSpelling) {
  const struct {
    std::string_view text;
    Address address;
  } cases[] = {
      {"[0:0:0:0:0:0:0:1]:80", TcpAddress{"::1", 80}},
      {"[2001:DB8::0:1]:80", TcpAddress{"2001:db8::1", 80}},
      {"[::ffff:127.0.0.1]:80", TcpAddress{"127.0.0.1", 80}},
      {"LocalHost:80", TcpAddress{"localhost", 80}},
      {"unix:/run/../run/./s", UnixAddress{"/run/s"}},
      {"unix:./@x", UnixAddress{"@x"}},
  };
  for (const auto& c : cases) {
    const auto address = ParseAddress(c.text);
    ASSERT_TRUE(address.ok()) << c.text << ": " << address.status();
    EXPECT_EQ(*address, c.address) << c.text;
  }
}

TEST(AddressTest, KnowsWhatCannotBeHadTwice) {
  const struct {
    std::string_view a;
    std::string_view b;
    bool collide;
  } cases[] = {
      {"127.0.0.1:80", "127.0.0.1:80", true},  {"127.0.0.1:80", "127.0.0.1:81", false},
      {"127.0.0.1:0", "127.0.0.1:0", false},   {"127.0.0.1:80", "127.0.0.2:80", false},
      {"0.0.0.0:80", "127.0.0.1:80", true},    {"0.0.0.0:80", "[::]:80", false},
      {"[::]:80", "[::1]:80", true},           {"[::]:80", "127.0.0.1:80", false},
      {"localhost:80", "127.0.0.1:80", true},  {"localhost:80", "[::1]:80", true},
      {"localhost:80", "127.0.0.2:80", false}, {"unix:/s", "unix:/./s", true},
      {"unix:/s", "127.0.0.1:80", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Collide(*ParseAddress(c.a), *ParseAddress(c.b)), c.collide) << c.a << " " << c.b;
    EXPECT_EQ(Collide(*ParseAddress(c.b), *ParseAddress(c.a)), c.collide) << c.b << " " << c.a;
  }
}

TEST(AddressTest, UnixSocketsAreLocal) {
  EXPECT_TRUE(IsLocal(UnixAddress{"/run/s"}));
  EXPECT_TRUE(IsLocal(TcpAddress{"::1", 80}));
  EXPECT_FALSE(IsLocal(TcpAddress{"0.0.0.0", 80}));
}

}  // namespace
}  // namespace token_service::app
