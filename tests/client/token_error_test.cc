#include "token_service/decode_token_error.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/client/fake_token_service.h"

namespace token_service::client {
namespace {

using token_service::testing::StatusWithReason;

TEST(TokenErrorTest, KnowsEveryReasonOfTheApi) {
  const struct {
    const char* name;
    ErrorReason reason;
  } cases[] = {
      {"CALLER_UNKNOWN", ErrorReason::kCallerUnknown},
      {"CREDENTIAL_NOT_PERMITTED", ErrorReason::kCredentialNotPermitted},
      {"CREDENTIAL_NOT_FOUND", ErrorReason::kCredentialNotFound},
      {"REFRESH_TOKEN_REJECTED", ErrorReason::kRefreshTokenRejected},
      {"CLIENT_REJECTED", ErrorReason::kClientRejected},
      {"REFRESH_IN_DOUBT", ErrorReason::kRefreshInDoubt},
      {"PROVIDER_UNAVAILABLE", ErrorReason::kProviderUnavailable},
      {"PROVIDER_THROTTLED", ErrorReason::kProviderThrottled},
      {"PROVIDER_BUSY", ErrorReason::kProviderBusy},
      {"PROVIDER_MALFORMED", ErrorReason::kProviderMalformed},
      {"VALIDITY_UNAVAILABLE", ErrorReason::kValidityUnavailable},
      {"INVALID_REQUEST", ErrorReason::kInvalidRequest},
      {"CREDENTIAL_REQUIRED", ErrorReason::kCredentialRequired},
      {"OPERATOR_REQUIRED", ErrorReason::kOperatorRequired},
      {"CREDENTIAL_EXISTS", ErrorReason::kCredentialExists},
      {"MANAGED_BY_CONFIG", ErrorReason::kManagedByConfig},
      {"REFRESHED_RECENTLY", ErrorReason::kRefreshedRecently},
      {"OVERLOADED", ErrorReason::kOverloaded},
      {"SHUTTING_DOWN", ErrorReason::kShuttingDown},
      {"STORE_UNAVAILABLE", ErrorReason::kStoreUnavailable},
      {"CREDENTIAL_DISABLED", ErrorReason::kCredentialDisabled},
      {"CREDENTIAL_HELD", ErrorReason::kCredentialHeld},
      {"CALLER_EXPIRED", ErrorReason::kCallerExpired},
      {"SECRET_REQUIRED", ErrorReason::kSecretRequired},
      {"INVENTED_TOMORROW", ErrorReason::kOther},
  };
  for (const auto& [name, reason] : cases) {
    const TokenError error =
        DecodeTokenError(StatusWithReason(grpc::StatusCode::UNAVAILABLE, "no", name));
    EXPECT_EQ(error.reason, reason) << name;
    EXPECT_EQ(error.reason_name, name);
  }
}

TEST(TokenErrorTest, TellsTheRetryDelay) {
  const TokenError error = DecodeTokenError(
      StatusWithReason(grpc::StatusCode::UNAVAILABLE, "wait", "PROVIDER_THROTTLED", 7));
  EXPECT_EQ(error.retry_delay, absl::Seconds(7));
}

TEST(TokenErrorTest, HasNoRetryDelayWhenNoneWasSent) {
  const TokenError error = DecodeTokenError(
      StatusWithReason(grpc::StatusCode::FAILED_PRECONDITION, "dead", "REFRESH_TOKEN_REJECTED"));
  EXPECT_FALSE(error.retry_delay.has_value());
}

TEST(TokenErrorTest, IgnoresTheReasonOfAnotherDomain) {
  const TokenError error = DecodeTokenError(StatusWithReason(grpc::StatusCode::UNAVAILABLE, "proxy",
                                                             "OVERLOADED", 0, "proxy.example.org"));
  EXPECT_EQ(error.reason, ErrorReason::kNone);
}

TEST(TokenErrorTest, TakesDetailsThatDoNotParseAsNone) {
  const TokenError error =
      DecodeTokenError(grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xff\xff\xff"));
  EXPECT_EQ(error.code, grpc::StatusCode::INTERNAL);
  EXPECT_EQ(error.reason, ErrorReason::kNone);
  EXPECT_EQ(error.message, "broken");
}

TEST(TokenErrorTest, DescribesCodeReasonMessageAndDelayOnOneLine) {
  EXPECT_EQ(Describe(DecodeTokenError(StatusWithReason(grpc::StatusCode::UNAVAILABLE,
                                                       "the provider\nis down\x1b[2J",
                                                       "PROVIDER_UNAVAILABLE", 3))),
            "UNAVAILABLE PROVIDER_UNAVAILABLE: the provider is down [2J (try again in 3s)");
}

TEST(TokenErrorTest, DescribesAnErrorWithoutDetails) {
  EXPECT_EQ(Describe(DecodeTokenError(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, ""))),
            "DEADLINE_EXCEEDED: no message");
}

}  // namespace
}  // namespace token_service::client
