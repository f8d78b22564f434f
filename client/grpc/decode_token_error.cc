#include "token_service/decode_token_error.h"

#include <array>
#include <string_view>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace token_service::client {
namespace {

constexpr std::string_view kDomain = "token.v1";

struct Named {
  ErrorReason reason;
  std::string_view name;
};

constexpr std::array kReasons = {
    Named{ErrorReason::kCallerUnknown, "CALLER_UNKNOWN"},
    Named{ErrorReason::kCredentialNotPermitted, "CREDENTIAL_NOT_PERMITTED"},
    Named{ErrorReason::kCredentialNotFound, "CREDENTIAL_NOT_FOUND"},
    Named{ErrorReason::kRefreshTokenRejected, "REFRESH_TOKEN_REJECTED"},
    Named{ErrorReason::kClientRejected, "CLIENT_REJECTED"},
    Named{ErrorReason::kRefreshInDoubt, "REFRESH_IN_DOUBT"},
    Named{ErrorReason::kProviderUnavailable, "PROVIDER_UNAVAILABLE"},
    Named{ErrorReason::kProviderThrottled, "PROVIDER_THROTTLED"},
    Named{ErrorReason::kProviderBusy, "PROVIDER_BUSY"},
    Named{ErrorReason::kProviderMalformed, "PROVIDER_MALFORMED"},
    Named{ErrorReason::kAnswerUnreadable, "ANSWER_UNREADABLE"},
    Named{ErrorReason::kValidityUnavailable, "VALIDITY_UNAVAILABLE"},
    Named{ErrorReason::kInvalidRequest, "INVALID_REQUEST"},
    Named{ErrorReason::kCredentialRequired, "CREDENTIAL_REQUIRED"},
    Named{ErrorReason::kOperatorRequired, "OPERATOR_REQUIRED"},
    Named{ErrorReason::kCredentialExists, "CREDENTIAL_EXISTS"},
    Named{ErrorReason::kManagedByConfig, "MANAGED_BY_CONFIG"},
    Named{ErrorReason::kRefreshedRecently, "REFRESHED_RECENTLY"},
    Named{ErrorReason::kOverloaded, "OVERLOADED"},
    Named{ErrorReason::kShuttingDown, "SHUTTING_DOWN"},
    Named{ErrorReason::kStoreUnavailable, "STORE_UNAVAILABLE"},
    Named{ErrorReason::kCredentialDisabled, "CREDENTIAL_DISABLED"},
    Named{ErrorReason::kCredentialHeld, "CREDENTIAL_HELD"},
    Named{ErrorReason::kCallerExpired, "CALLER_EXPIRED"},
    Named{ErrorReason::kSecretRequired, "SECRET_REQUIRED"},
};

ErrorReason ReasonFromName(std::string_view name) {
  for (const Named& named : kReasons) {
    if (named.name == name) return named.reason;
  }
  return ErrorReason::kOther;
}

}  // namespace

TokenError DecodeTokenError(const grpc::Status& status) {
  TokenError error;
  error.code = status.error_code();
  error.message = status.error_message();
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return error;
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info) && info.domain() == kDomain) {
      error.reason = ReasonFromName(info.reason());
      error.reason_name = info.reason();
    } else if (any.UnpackTo(&retry)) {
      error.retry_delay = absl::Seconds(retry.retry_delay().seconds()) +
                          absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  return error;
}

}  // namespace token_service::client
