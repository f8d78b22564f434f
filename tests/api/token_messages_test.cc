#include "server/api/token_messages.h"

#include <gtest/gtest.h>

#include <limits>

#include "server/api/proto_time.h"

namespace token_service::api {
namespace {

using token::v1::GetAccessTokenResponse;

broker::AccessToken SomeToken() {
  broker::AccessToken token;
  token.credential = "inbox";
  token.value = Secret(std::string_view("FAKE-ACCESS-TOKEN"));
  token.token_type = "Bearer";
  token.scope = "tickets";
  token.generation = 7;
  token.expire_time = absl::FromUnixMillis(1'700'000'000'500);
  token.expires = MonotonicTime(absl::Seconds(100));
  return token;
}

TEST(TokenMessagesTest, ATokenIsDescribedWithoutWhatIsSecret) {
  GetAccessTokenResponse response;
  ToProto(SomeToken(), response);

  EXPECT_EQ(response.access_token(), "");
  EXPECT_EQ(response.token_type(), "Bearer");
  EXPECT_EQ(response.scope(), "tickets");
  EXPECT_EQ(response.credential(), "inbox");
  EXPECT_EQ(response.generation(), 7u);
  EXPECT_FALSE(response.has_expires_in());
  EXPECT_EQ(response.expire_time().seconds(), 1'700'000'000);
  EXPECT_EQ(response.expire_time().nanos(), 500'000'000);
}

TEST(TokenMessagesTest, AnAbsentMinValidityIsNoPromise) {
  const auto request = ToTokenRequest({}, "inbox");
  EXPECT_FALSE(std::get<broker::TokenRequest>(request).min_validity.has_value());
}

TEST(TokenMessagesTest, ZeroIsAPromise) {
  const RequestFields fields{.min_validity = google::protobuf::Duration()};
  const auto request = ToTokenRequest(fields, "inbox");
  EXPECT_EQ(std::get<broker::TokenRequest>(request).min_validity, absl::ZeroDuration());
}

struct BadDuration {
  int64_t seconds;
  int32_t nanos;
};

class MalformedMinValidity : public ::testing::TestWithParam<BadDuration> {};

INSTANTIATE_TEST_SUITE_P(All, MalformedMinValidity,
                         ::testing::Values(BadDuration{-1, 0}, BadDuration{0, -1},
                                           BadDuration{1, -1}, BadDuration{-1, 1},
                                           BadDuration{0, 1'000'000'000},
                                           BadDuration{315'576'000'001, 0},
                                           BadDuration{std::numeric_limits<int64_t>::min(), 0}));

TEST_P(MalformedMinValidity, IsRefusedByName) {
  RequestFields fields{.min_validity = google::protobuf::Duration()};
  fields.min_validity->set_seconds(GetParam().seconds);
  fields.min_validity->set_nanos(GetParam().nanos);
  const auto request = ToTokenRequest(fields, "inbox");
  ASSERT_TRUE(std::holds_alternative<ApiError>(request));
  EXPECT_EQ(std::get<ApiError>(request).code, grpc::INVALID_ARGUMENT);
  EXPECT_EQ(std::get<ApiError>(request).field, "min_validity");
  EXPECT_EQ(std::get<ApiError>(request).credential, "inbox");
}

}  // namespace
}  // namespace token_service::api
