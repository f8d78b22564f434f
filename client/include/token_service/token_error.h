#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "grpcpp/support/status.h"

namespace token_service::client {

// ErrorInfo.reason of the API, as a closed set to branch on.
enum class ErrorReason {
  kNone,   // No ErrorInfo of token.v1: the server was not reached, the deadline passed, a proxy
           // answered.
  kOther,  // A reason that this client is too old to know; see TokenError::reason_name.
  kCallerUnknown,
  kCredentialNotPermitted,
  kCredentialNotFound,
  kRefreshTokenRejected,
  kClientRejected,
  kRefreshInDoubt,
  kProviderUnavailable,
  kProviderThrottled,
  kProviderMalformed,
  kValidityUnavailable,
  kInvalidRequest,
  kCredentialRequired,
  kOperatorRequired,
  kCredentialExists,
  kManagedByConfig,
  kRefreshedRecently,
  kOverloaded,
  kShuttingDown,
  kStoreUnavailable,
  kCredentialDisabled,
};

// Why there is no token.
struct TokenError {
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  ErrorReason reason = ErrorReason::kNone;
  std::string reason_name;                    // As sent; empty with kNone.
  std::string message;                        // For people. Never branch on it.
  std::optional<absl::Duration> retry_delay;  // Ask again after this; absent: not without a change.
};

// Decodes grpc-status-details-bin. `status` is not OK; details that do not parse count as absent.
TokenError DecodeTokenError(const grpc::Status& status);

// "CODE REASON: message (try again in 3s)" on one line, control characters replaced.
std::string Describe(const TokenError& error);

// "UNAVAILABLE" and so on.
std::string_view StatusCodeName(grpc::StatusCode code);

}  // namespace token_service::client
