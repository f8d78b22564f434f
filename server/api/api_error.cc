#include "server/api/api_error.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/api/proto_time.h"
#include "server/broker/credential_name.h"

namespace token_service::api {
namespace {

using broker::Reason;

grpc::StatusCode CodeOf(Reason reason) {
  switch (reason) {
    case Reason::kCredentialNotFound:
      return grpc::NOT_FOUND;
    case Reason::kRefreshTokenRejected:
    case Reason::kClientRejected:
    case Reason::kManagedByConfig:
    case Reason::kRefreshTokenSpent:
    case Reason::kCredentialDisabled:
    case Reason::kSecretRequired:
      return grpc::FAILED_PRECONDITION;
    case Reason::kRefreshInDoubt:
    case Reason::kProviderUnavailable:
    case Reason::kProviderThrottled:
    case Reason::kProviderBusy:
    case Reason::kProviderMalformed:
    case Reason::kAnswerUnreadable:
    case Reason::kRefreshedRecently:
    case Reason::kShuttingDown:
    case Reason::kCredentialHeld:
    case Reason::kStoreUnavailable:
      return grpc::UNAVAILABLE;
    case Reason::kValidityUnavailable:
      return grpc::OUT_OF_RANGE;
    case Reason::kCredentialExists:
      return grpc::ALREADY_EXISTS;
    case Reason::kInvalidRequest:
      return grpc::INVALID_ARGUMENT;
    case Reason::kOverloaded:
      return grpc::RESOURCE_EXHAUSTED;
  }
  return grpc::INTERNAL;
}

}  // namespace

ApiError FromRefusal(const broker::Refusal& refusal, std::string_view credential) {
  return {.code = CodeOf(refusal.reason),
          .reason = std::string(ReasonName(refusal.reason)),
          .message = refusal.message,
          .credential = std::string(credential),
          .field = refusal.field,
          .retry_after = refusal.retry_after};
}

ApiError InvalidField(std::string_view field, std::string_view message) {
  return FromRefusal(broker::InvalidField(field, message), "");
}

ApiError RequestTooLarge(size_t most_bytes) {
  return {.code = grpc::RESOURCE_EXHAUSTED,
          .reason = "INVALID_REQUEST",
          .message = absl::StrCat("the request is larger than ", most_bytes, " bytes")};
}

ApiError MalformedRequest() {
  return {.code = grpc::INVALID_ARGUMENT,
          .reason = "INVALID_REQUEST",
          .message = "the request is no message of this method's type"};
}

ApiError CallerUnknown() {
  return {.code = grpc::UNAUTHENTICATED,
          .reason = "CALLER_UNKNOWN",
          .message = "the connection shows no acceptable identity"};
}

ApiError CallerExpired() {
  return {.code = grpc::UNAUTHENTICATED,
          .reason = "CALLER_EXPIRED",
          .message =
              "the client certificate of this connection has ended, or is vouched for no more; "
              "connect again with another"};
}

ApiError CredentialNotPermitted(std::string_view credential) {
  return {.code = grpc::PERMISSION_DENIED,
          .reason = "CREDENTIAL_NOT_PERMITTED",
          .message = "this caller may not use this credential",
          .credential = std::string(credential)};
}

ApiError OperatorRequired(std::string_view credential) {
  return {.code = grpc::PERMISSION_DENIED,
          .reason = "OPERATOR_REQUIRED",
          .message = "this caller is no operator",
          .credential = std::string(credential)};
}

ApiError ReadOnlyOperator(std::string_view credential) {
  ApiError error = OperatorRequired(credential);
  error.message = "this operator may only read";
  return error;
}

ApiError CredentialRequired() {
  return {.code = grpc::INVALID_ARGUMENT,
          .reason = "CREDENTIAL_REQUIRED",
          .message = "credential: there is more than one to choose from; name it",
          .field = "credential"};
}

ApiError ShuttingDown() { return FromRefusal(MakeRefusal(Reason::kShuttingDown), ""); }

ApiError CalledTooOften(absl::Duration retry_after, std::string_view credential) {
  return {.code = grpc::RESOURCE_EXHAUSTED,
          .reason = "OVERLOADED",
          .message = "this caller calls more often than it may",
          .credential = std::string(credential),
          .retry_after = retry_after};
}

std::span<const std::string_view> AllOutcomes() {
  static const std::vector<std::string_view>* const outcomes = [] {
    auto* all = new std::vector<std::string_view>{"CALLER_UNKNOWN",           "CALLER_EXPIRED",
                                                  "CREDENTIAL_NOT_PERMITTED", "OPERATOR_REQUIRED",
                                                  "CREDENTIAL_REQUIRED",      "CANCELLED"};
    for (int i = 0; i <= static_cast<int>(Reason::kSecretRequired); ++i) {
      all->push_back(ReasonName(static_cast<Reason>(i)));
    }
    return all;
  }();
  return *outcomes;
}

std::string_view CodeName(grpc::StatusCode code) {
  switch (code) {
    case grpc::OK:
      return "OK";
    case grpc::CANCELLED:
      return "CANCELLED";
    case grpc::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::UNAVAILABLE:
      return "UNAVAILABLE";
    default:
      return "INTERNAL";
  }
}

grpc::Status ToGrpcStatus(const ApiError& error) {
  google::rpc::Status status;
  status.set_code(error.code);
  status.set_message(error.message);
  google::rpc::ErrorInfo info;
  info.set_domain("token.v1");
  info.set_reason(error.reason);
  // What is no name may be longer than a trailer can be.
  if (broker::IsCredentialName(error.credential)) {
    (*info.mutable_metadata())["credential"] = error.credential;
  }
  if (!error.field.empty()) (*info.mutable_metadata())["field"] = error.field;
  (void)status.add_details()->PackFrom(info);
  if (error.retry_after.has_value()) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = ToProto(std::max(*error.retry_after, absl::ZeroDuration()));
    (void)status.add_details()->PackFrom(retry);
  }
  return {error.code, error.message, status.SerializeAsString()};
}

}  // namespace token_service::api
