#include "server/api/api_error.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace token_service::api {
namespace {

using broker::MakeRefusal;
using broker::Reason;

struct Details {
  google::rpc::ErrorInfo info;
  std::optional<google::rpc::RetryInfo> retry;
};

Details DetailsOf(const grpc::Status& status) {
  google::rpc::Status proto;
  EXPECT_TRUE(proto.ParseFromString(status.error_details()));
  EXPECT_EQ(proto.code(), status.error_code());
  Details details;
  for (const auto& any : proto.details()) {
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&retry)) details.retry = retry;
    if (any.Is<google::rpc::ErrorInfo>()) {
      EXPECT_TRUE(any.UnpackTo(&details.info));
    }
  }
  return details;
}

struct Row {
  Reason reason;
  grpc::StatusCode code;
  std::string name;
};

class ReasonTable : public ::testing::TestWithParam<Row> {};

// docs/errors.md.
INSTANTIATE_TEST_SUITE_P(
    All, ReasonTable,
    ::testing::Values(
        Row{Reason::kCredentialNotFound, grpc::NOT_FOUND, "CREDENTIAL_NOT_FOUND"},
        Row{Reason::kRefreshTokenRejected, grpc::FAILED_PRECONDITION, "REFRESH_TOKEN_REJECTED"},
        Row{Reason::kClientRejected, grpc::FAILED_PRECONDITION, "CLIENT_REJECTED"},
        Row{Reason::kCredentialExists, grpc::ALREADY_EXISTS, "CREDENTIAL_EXISTS"},
        Row{Reason::kManagedByConfig, grpc::FAILED_PRECONDITION, "MANAGED_BY_CONFIG"},
        Row{Reason::kCredentialHeld, grpc::UNAVAILABLE, "CREDENTIAL_HELD"},
        Row{Reason::kCredentialDisabled, grpc::FAILED_PRECONDITION, "CREDENTIAL_DISABLED"},
        Row{Reason::kRefreshInDoubt, grpc::UNAVAILABLE, "REFRESH_IN_DOUBT"},
        Row{Reason::kProviderUnavailable, grpc::UNAVAILABLE, "PROVIDER_UNAVAILABLE"},
        Row{Reason::kProviderThrottled, grpc::UNAVAILABLE, "PROVIDER_THROTTLED"},
        Row{Reason::kProviderBusy, grpc::UNAVAILABLE, "PROVIDER_BUSY"},
        Row{Reason::kProviderMalformed, grpc::UNAVAILABLE, "PROVIDER_MALFORMED"},
        Row{Reason::kStoreUnavailable, grpc::UNAVAILABLE, "STORE_UNAVAILABLE"},
        Row{Reason::kValidityUnavailable, grpc::OUT_OF_RANGE, "VALIDITY_UNAVAILABLE"},
        Row{Reason::kInvalidRequest, grpc::INVALID_ARGUMENT, "INVALID_REQUEST"},
        Row{Reason::kRefreshedRecently, grpc::UNAVAILABLE, "REFRESHED_RECENTLY"},
        Row{Reason::kOverloaded, grpc::RESOURCE_EXHAUSTED, "OVERLOADED"},
        Row{Reason::kShuttingDown, grpc::UNAVAILABLE, "SHUTTING_DOWN"}),
    [](const auto& row) { return row.param.name; });

TEST_P(ReasonTable, HasItsCodeAndName) {
  const grpc::Status status =
      ToGrpcStatus(FromRefusal(MakeRefusal(GetParam().reason), "support-inbox"));
  const Details details = DetailsOf(status);

  EXPECT_EQ(status.error_code(), GetParam().code);
  EXPECT_EQ(details.info.reason(), GetParam().name);
  EXPECT_EQ(details.info.domain(), "token.v1");
  EXPECT_EQ(details.info.metadata().at("credential"), "support-inbox");
  EXPECT_FALSE(details.retry.has_value());
  EXPECT_FALSE(status.error_message().empty());
}

TEST(ApiErrorTest, TellsWhenToTryAgain) {
  const grpc::Status status = ToGrpcStatus(
      FromRefusal(MakeRefusal(Reason::kProviderThrottled, absl::Milliseconds(1500)), "x"));
  const Details details = DetailsOf(status);

  ASSERT_TRUE(details.retry.has_value());
  EXPECT_EQ(details.retry->retry_delay().seconds(), 1);
  EXPECT_EQ(details.retry->retry_delay().nanos(), 500'000'000);
}

TEST(ApiErrorTest, NeverTellsToTryAgainInThePast) {
  const Details details = DetailsOf(
      ToGrpcStatus(FromRefusal(MakeRefusal(Reason::kOverloaded, absl::Seconds(-5)), "x")));

  ASSERT_TRUE(details.retry.has_value());
  EXPECT_EQ(details.retry->retry_delay().seconds(), 0);
}

TEST(ApiErrorTest, NamesTheFieldThatIsWrong) {
  const grpc::Status status = ToGrpcStatus(InvalidField("min_validity", "must not be negative"));
  const Details details = DetailsOf(status);

  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "min_validity: must not be negative");
  EXPECT_EQ(details.info.reason(), "INVALID_REQUEST");
  EXPECT_EQ(details.info.metadata().at("field"), "min_validity");
}

TEST(ApiErrorTest, DoesNotEchoWhatIsNoName) {
  const grpc::Status status = ToGrpcStatus(OperatorRequired(std::string(60'000, 'x')));

  EXPECT_EQ(DetailsOf(status).info.reason(), "OPERATOR_REQUIRED");
  EXPECT_TRUE(DetailsOf(status).info.metadata().empty());
}

TEST(ApiErrorTest, NotPermittedAndNotExistingAreOneAndTheSame) {
  const grpc::Status status = ToGrpcStatus(CredentialNotPermitted("x"));

  EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(DetailsOf(status).info.reason(), "CREDENTIAL_NOT_PERMITTED");
}

}  // namespace
}  // namespace token_service::api
