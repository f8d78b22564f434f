#include "token_service/token_client.h"

#include <utility>

#include "gtest/gtest.h"
#include "tests/client/fake_token_service.h"
#include "token_service/channel.h"

namespace token_service::client {
namespace {

using token_service::testing::FakeTokenService;
using token_service::testing::StatusWithReason;

class TokenClientTest : public ::testing::Test {
 protected:
  TokenClient::Answer Get(absl::Duration timeout = absl::Seconds(30)) {
    return TokenClient(*CreateChannel({.server = service_.address()})).GetAccessToken({}, timeout);
  }

  FakeTokenService service_;
};

TEST_F(TokenClientTest, ReturnsTheToken) {
  token::v1::GetAccessTokenResponse response;
  response.set_access_token("an-access-token");
  response.set_generation(7);
  service_.AnswerWith(std::move(response));

  const auto answer = Get();
  ASSERT_TRUE(std::holds_alternative<token::v1::GetAccessTokenResponse>(answer));
  EXPECT_EQ(std::get<token::v1::GetAccessTokenResponse>(answer).generation(), 7u);
}

TEST_F(TokenClientTest, ReturnsTheReasonFromTheTrailer) {
  service_.AnswerWith(
      StatusWithReason(grpc::StatusCode::UNAVAILABLE, "slow down", "PROVIDER_THROTTLED", 9));

  const auto answer = Get();
  ASSERT_TRUE(std::holds_alternative<TokenError>(answer));
  EXPECT_EQ(std::get<TokenError>(answer).reason, ErrorReason::kProviderThrottled);
  EXPECT_EQ(std::get<TokenError>(answer).retry_delay, absl::Seconds(9));
}

TEST_F(TokenClientTest, GivesUpWhenTheTimeoutHasPassed) {
  service_.AnswerNever();

  const auto answer = Get(absl::Milliseconds(50));
  ASSERT_TRUE(std::holds_alternative<TokenError>(answer));
  EXPECT_EQ(std::get<TokenError>(answer).code, grpc::StatusCode::DEADLINE_EXCEEDED);
}

}  // namespace
}  // namespace token_service::client
