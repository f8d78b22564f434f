// TokenSource over gRPC, against a server in this process. What it decides is tested in core/.

#include "token_service/token_source.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/command/token_format.h"
#include "gtest/gtest.h"
#include "tests/client/fake_token_service.h"
#include "tests/testing/temp_dir.h"

namespace token_service::client {
namespace {

using token_service::testing::FakeTokenService;
using token_service::testing::StatusWithReason;
using token_service::testing::TempDir;
using token_service::testing::TokenOfGeneration;

class TokenSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<TokenSource> Open(const std::string& server) {
    TokenSourceOptions options;
    options.channel.server = server;
    options.credential = "inbox";
    auto source = TokenSource::Open(options);
    EXPECT_TRUE(source.ok());
    return *std::move(source);
  }

  static void AwaitGeneration(const TokenSource& source, uint64_t generation) {
    while (true) {
      const TokenOrError token = source.Current();
      if (token.ok() && token->generation() == generation) return;
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
};

TEST_F(TokenSourceTest, WhatIsPushedIsServed) {
  FakeTokenService service;
  service.Push(TokenOfGeneration(1));
  const auto source = Open(service.address());
  const TokenOrError first = source->Get(absl::Seconds(30));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->RevealAuthorization(), "Bearer token-1");
  EXPECT_EQ(first->credential(), "inbox");

  service.Push(TokenOfGeneration(2));
  AwaitGeneration(*source, 2);
  EXPECT_EQ(service.gets(), 0);
}

TEST_F(TokenSourceTest, WhatTheProviderToldBesideItIsHandedOn) {
  FakeTokenService service;
  auto response = TokenOfGeneration(1);
  (*response.mutable_properties())["instance_url"] = "https://eu7.example";
  service.Push(response);
  const auto source = Open(service.address());
  const TokenOrError token = source->Get(absl::Seconds(30));
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->properties().size(), 1u);
  EXPECT_EQ(token->properties().at("instance_url"), "https://eu7.example");
  EXPECT_NE(FormatToken(*token, TokenFormat::kJson).find("eu7.example"), std::string::npos);
}

TEST_F(TokenSourceTest, AServerWithoutStreamsIsAsked) {
  FakeTokenService service;
  service.AnswerWith(TokenOfGeneration(1));
  const auto source = Open(service.address());
  ASSERT_TRUE(source->Get(absl::Seconds(30)).ok());
  EXPECT_EQ(service.gets(), 1);
  EXPECT_EQ(service.last_request().credential(), "inbox");
}

TEST_F(TokenSourceTest, ManyThreadsHaveATokenReplacedByOneCall) {
  FakeTokenService service;
  service.Push(TokenOfGeneration(1));
  service.AnswerWith(TokenOfGeneration(2));
  const auto source = Open(service.address());
  const TokenOrError first = source->Get(absl::Seconds(30));
  ASSERT_TRUE(first.ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const TokenOrError second = source->Replace(*first, absl::Seconds(30));
      ASSERT_TRUE(second.ok());
      EXPECT_EQ(second->generation(), 2u);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(service.gets(), 1);
  EXPECT_EQ(service.last_request().rejected_generation(), 1u);
}

TEST_F(TokenSourceTest, AReportNeedsNobodyToWait) {
  FakeTokenService service;
  service.Push(TokenOfGeneration(1));
  service.AnswerWith(TokenOfGeneration(2));
  const auto source = Open(service.address());
  {
    const TokenOrError first = source->Get(absl::Seconds(30));
    ASSERT_TRUE(first.ok());
    source->Rejected(*first);
  }
  service.AwaitRejection(1);
  AwaitGeneration(*source, 2);
}

TEST_F(TokenSourceTest, TheServersRefusalIsTheAnswer) {
  FakeTokenService service;
  service.Push(TokenOfGeneration(1));
  service.EndWatches(StatusWithReason(grpc::StatusCode::PERMISSION_DENIED, "not yours",
                                      "CREDENTIAL_NOT_PERMITTED"));
  const auto source = Open(service.address());
  const TokenOrError none = source->Get(absl::Hours(1));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().reason, ErrorReason::kCredentialNotPermitted);
  EXPECT_EQ(none.error().message, "not yours");
}

TEST_F(TokenSourceTest, ATokenTakenAwayIsGone) {
  FakeTokenService service;
  service.Push(TokenOfGeneration(1));
  const auto source = Open(service.address());
  ASSERT_TRUE(source->Get(absl::Seconds(30)).ok());
  service.EndWatches(
      StatusWithReason(grpc::StatusCode::NOT_FOUND, "deleted", "CREDENTIAL_NOT_FOUND"));
  while (source->Current().ok()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(source->Current().error().reason, ErrorReason::kCredentialNotFound);
}

TEST_F(TokenSourceTest, AServerThatComesBackIsFoundAgain) {
  const TempDir directory;
  const std::string address = "unix:" + directory.File("server.sock");
  auto service = std::make_unique<FakeTokenService>(address);
  service->Push(TokenOfGeneration(1));
  const auto source = Open(address);
  ASSERT_TRUE(source->Get(absl::Seconds(30)).ok());
  service.reset();
  EXPECT_TRUE(source->Current().ok()) << "the server's absence costs nothing";

  service = std::make_unique<FakeTokenService>(address);
  service->Push(TokenOfGeneration(2));
  AwaitGeneration(*source, 2);
}

TEST_F(TokenSourceTest, AStreamBrokenAgainAndAgainStillBringsTokens) {
  FakeTokenService service;
  service.Push(TokenOfGeneration(1));
  const auto source = Open(service.address());
  ASSERT_TRUE(source->Get(absl::Seconds(30)).ok());
  service.EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the proxy's time-out"));
  while (service.watches() < 2) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(source->Current().ok());
  service.Push(TokenOfGeneration(2));
  AwaitGeneration(*source, 2);
}

TEST_F(TokenSourceTest, AServerThatIsNotThereYetIsWaitedFor) {
  const TempDir directory;
  const std::string address = "unix:" + directory.File("server.sock");
  const auto source = Open(address);
  EXPECT_EQ(source->Get(absl::Milliseconds(20)).error().code, grpc::StatusCode::UNAVAILABLE);
  FakeTokenService service(address);
  service.Push(TokenOfGeneration(1));
  EXPECT_TRUE(source->Get(absl::Seconds(30)).ok());
}

TEST_F(TokenSourceTest, ATokenThatWouldForgeAHeaderIsNotServed) {
  FakeTokenService service;
  auto forged = TokenOfGeneration(1);
  forged.set_access_token("a\r\nX-Forged: 1");
  service.Push(forged);
  const auto source = Open(service.address());
  while (source->Current().error().reason != ErrorReason::kUnusableToken) {
    absl::SleepFor(absl::Milliseconds(1));
  }
}

TEST_F(TokenSourceTest, TheDestructorCancelsWhatIsUnderWay) {
  FakeTokenService service;
  service.Push(TokenOfGeneration(1));
  service.AnswerNever();
  auto source = Open(service.address());
  {
    const TokenOrError first = source->Get(absl::Seconds(30));
    ASSERT_TRUE(first.ok());
    source->Rejected(*first);
  }
  service.AwaitRejection(1);
  source.reset();  // Else this waits for ever: the server's stream and its answer have no end.
}

TEST_F(TokenSourceTest, AWrongOptionIsNamed) {
  TokenSourceOptions options;
  options.channel.tls_certificate_file = "client.pem";
  EXPECT_EQ(TokenSource::Open(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.channel = {.server = ""};
  EXPECT_FALSE(TokenSource::Open(options).ok());
}

}  // namespace
}  // namespace token_service::client
