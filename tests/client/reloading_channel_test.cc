#include "client/grpc/reloading_channel.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace token_service::client {
namespace {

class ReloadingChannelTest : public ::testing::Test {
 protected:
  ReloadingChannelTest() {
    for (const char* name : {"ca.pem", "client.pem", "client.key"}) Write(name, "one");
    options_ = {.server = "127.0.0.1:1",
                .tls_ca_file = directory_.File("ca.pem"),
                .tls_certificate_file = directory_.File("client.pem"),
                .tls_private_key_file = directory_.File("client.key")};
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.File(name)) << "-----BEGIN " << text << "\n";
  }

  const testing::TempDir directory_;
  ChannelOptions options_;
};

TEST_F(ReloadingChannelTest, IsTheSameWhileTheFilesAre) {
  const auto channel = *ReloadingChannel::Create(options_);
  EXPECT_EQ(channel->Current(), channel->Current());
}

TEST_F(ReloadingChannelTest, IsAnotherWhenAnyFileHasChanged) {
  const auto channel = *ReloadingChannel::Create(options_);
  for (const char* name : {"ca.pem", "client.pem", "client.key"}) {
    const auto before = channel->Current();
    Write(name, "two");
    EXPECT_NE(channel->Current(), before) << name;
    EXPECT_EQ(channel->Current(), channel->Current()) << name;
  }
}

TEST_F(ReloadingChannelTest, GoesOnWhenAFileIsMissingOrHalfWritten) {
  const auto channel = *ReloadingChannel::Create(options_);
  const auto before = channel->Current();
  std::filesystem::remove(directory_.File("client.key"));
  EXPECT_EQ(channel->Current(), before);
  std::ofstream(directory_.File("client.key")) << "-----BEG";
  EXPECT_EQ(channel->Current(), before);
  Write("client.key", "two");
  EXPECT_NE(channel->Current(), before);
}

TEST_F(ReloadingChannelTest, IsAnotherWhenTheConnectionSeemsDead) {
  const auto channel = *ReloadingChannel::Create(options_);
  const auto before = channel->Current();
  channel->Abandon();
  EXPECT_NE(channel->Current(), before);
}

TEST_F(ReloadingChannelTest, AFileThatIsWrongAtTheStartIsNamed) {
  options_.tls_ca_file = "/nowhere/ca.pem";
  const auto channel = ReloadingChannel::Create(options_);
  EXPECT_EQ(channel.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(channel.status().message().find("/nowhere/ca.pem"), absl::string_view::npos);
}

}  // namespace
}  // namespace token_service::client
