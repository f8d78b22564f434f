#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <grpcpp/support/status.h>

#include "absl/time/time.h"
#include "server/broker/reason.h"

namespace token_service::api {

// An answer that is not OK, before it becomes a grpc::Status: the code, a reason of ErrorInfo
// (domain "token.v1"), and what goes with them. See the table in docs/errors.md.
struct ApiError {
  grpc::StatusCode code;
  std::string reason;
  std::string message;
  std::string credential;                     // ErrorInfo metadata `credential`; empty: none.
  std::string field;                          // ErrorInfo metadata `field`; empty: none.
  std::optional<absl::Duration> retry_after;  // RetryInfo.
};

// What the broker refused, as callers are told.
ApiError FromRefusal(const broker::Refusal& refusal, std::string_view credential);

ApiError InvalidField(std::string_view field, std::string_view message);
// RESOURCE_EXHAUSTED, as gRPC answers for its own limit.
ApiError RequestTooLarge(size_t most_bytes);
ApiError MalformedRequest();
ApiError CallerUnknown();
// It was known, and its certificate proves it no more.
ApiError CallerExpired();
// Also for what does not exist, to callers who may not know: both look the same.
ApiError CredentialNotPermitted(std::string_view credential);
ApiError OperatorRequired(std::string_view credential);
// It is one who may only read.
ApiError ReadOnlyOperator(std::string_view credential);
ApiError CredentialRequired();
ApiError ShuttingDown();
// This caller's own rate.
ApiError CalledTooOften(absl::Duration retry_after, std::string_view credential);

// Every reason there is, and `CANCELLED`: what metrics tell apart.
std::span<const std::string_view> AllOutcomes();

// "PERMISSION_DENIED" and so on.
std::string_view CodeName(grpc::StatusCode code);

// With google.rpc.Status in the details, which gRPC sends as `grpc-status-details-bin`.
grpc::Status ToGrpcStatus(const ApiError& error);

}  // namespace token_service::api
