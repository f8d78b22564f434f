#include "token_service/channel.h"

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace token_service::client {
namespace {

TEST(ChannelTest, KnowsWhichTargetsStayOnTheMachine) {
  const struct {
    const char* target;
    bool local;
  } cases[] = {
      {"127.0.0.1:50051", true},
      {"127.9.9.9:1", true},
      {"localhost:50051", true},
      {"[::1]:50051", true},
      {"dns:///localhost:50051", true},
      {"dns:localhost:50051", true},
      {"ipv4:127.0.0.1:50051", true},
      {"ipv6:[::1]:50051", true},
      {"unix:/run/token-server.sock", true},
      {"unix-abstract:token", true},
      {"token-server:50051", false},
      {"10.0.0.1:50051", false},
      {"127.0.0.1.example.org:443", false},
      {"localhost.example.org:443", false},
      {"dns://192.0.2.1/localhost:50051", false},
      {"ipv4:127.0.0.1:1,192.0.2.1:1", false},
      {"[2001:db8::1]:443", false},
  };
  for (const auto& [target, local] : cases) EXPECT_EQ(IsLocalTarget(target), local) << target;
}

TEST(ChannelTest, RefusesACertificateWithoutItsKey) {
  const auto channel =
      CreateChannel({.server = "example.org:443", .tls_certificate_file = "client.pem"});
  EXPECT_EQ(channel.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(channel.status().message().find("--tls_private_key_file"), absl::string_view::npos);
}

TEST(ChannelTest, NamesTheFileThatCannotBeRead) {
  const auto channel = CreateChannel({.tls_ca_file = "/nowhere/ca.pem"});
  EXPECT_EQ(channel.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(channel.status().message().find("--tls_ca_file: /nowhere/ca.pem"),
            absl::string_view::npos);
}

TEST(ChannelTest, RefusesAFileThatIsNoPem) {
  const std::string path = ::testing::TempDir() + "/no.pem";
  std::ofstream(path) << "hello";
  EXPECT_FALSE(CreateChannel({.tls_ca_file = path}).ok());
}

TEST(ChannelTest, RefusesAnEmptyServer) { EXPECT_FALSE(CreateChannel({.server = ""}).ok()); }

TEST(ChannelTest, MakesAChannelWithoutConnecting) {
  EXPECT_TRUE(CreateChannel({.server = "127.0.0.1:1"}).ok());
  EXPECT_TRUE(CreateChannel({.server = "token.example.org:443"}).ok());
}

}  // namespace
}  // namespace token_service::client
