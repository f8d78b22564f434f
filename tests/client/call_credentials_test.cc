#include "token_service/call_credentials.h"

#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "tests/client/fake_token_service.h"

namespace token_service::client {
namespace {

using token_service::testing::FakeTokenService;
using token_service::testing::StatusWithReason;
using token_service::testing::TokenOfGeneration;

// The API is another token service, for want of a simpler one; its transport counts as secure.
class CallCredentialsTest : public ::testing::Test {
 protected:
  CallCredentialsTest()
      : api_("127.0.0.1:0", grpc::experimental::LocalServerCredentials(LOCAL_TCP)) {
    api_.AnswerWith(TokenOfGeneration(9));
    server_.Push(TokenOfGeneration(1));
    TokenSourceOptions options;
    options.channel.server = server_.address();
    options.on_change = [lives = lives_](const TokenOrError&) {};
    source_ = *TokenSource::Open(options);
  }

  grpc::Status CallApi() {
    const auto channel = grpc::CreateChannel(
        api_.address(),
        grpc::CompositeChannelCredentials(grpc::experimental::LocalCredentials(LOCAL_TCP),
                                          MakeCallCredentials(source_)));
    const auto stub = token::v1::TokenService::NewStub(channel);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    token::v1::GetAccessTokenResponse response;
    return stub->GetAccessToken(&context, {}, &response);
  }

  FakeTokenService server_;
  FakeTokenService api_;
  // The source's too, which lets go of it when nothing else is left of it.
  std::shared_ptr<const bool> lives_ = std::make_shared<const bool>(true);
  std::shared_ptr<TokenSource> source_;
};

TEST_F(CallCredentialsTest, EachCallCarriesTheCurrentToken) {
  ASSERT_TRUE(source_->Get(absl::Seconds(30)).ok());
  const grpc::Status status = CallApi();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(api_.last_authorization(), "Bearer token-1");

  server_.Push(TokenOfGeneration(2));
  while (source_->Current()->generation() != 2) absl::SleepFor(absl::Milliseconds(1));
  ASSERT_TRUE(CallApi().ok());
  EXPECT_EQ(api_.last_authorization(), "Bearer token-2");
}

TEST_F(CallCredentialsTest, WithoutATokenTheCallFailsAndSaysWhy) {
  server_.EndWatches(StatusWithReason(grpc::StatusCode::PERMISSION_DENIED, "not yours",
                                      "CREDENTIAL_NOT_PERMITTED"));
  while (source_->Current().ok() ||
         source_->Current().error().reason != ErrorReason::kCredentialNotPermitted) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  const grpc::Status status = CallApi();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("CREDENTIAL_NOT_PERMITTED: not yours"));
  EXPECT_EQ(api_.gets(), 0);
}

TEST_F(CallCredentialsTest, TheLastCredentialsEndTheSource) {
  ASSERT_TRUE(source_->Get(absl::Seconds(30)).ok());
  ASSERT_TRUE(CallApi().ok());
  auto credentials = MakeCallCredentials(source_);
  const std::weak_ptr<const bool> lives = std::exchange(lives_, nullptr);
  source_.reset();
  ASSERT_FALSE(lives.expired());
  credentials.reset();
  // Hangs, or is the end of the process, when a thread of gRPC's has to do it.
  while (!lives.expired()) absl::SleepFor(absl::Milliseconds(1));
}

}  // namespace
}  // namespace token_service::client
