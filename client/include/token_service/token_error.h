#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "grpcpp/support/status_code_enum.h"

namespace token_service::client {

// Why there is no token, as a closed set to branch on.
enum class ErrorReason {
  kNone,   // No ErrorInfo of token.v1: the server was not reached, the deadline passed, a proxy
           // answered.
  kOther,  // A reason that this client is too old to know; see TokenError::reason_name.

  // ErrorInfo.reason of the API.
  kCallerUnknown,
  kCredentialNotPermitted,
  kCredentialNotFound,
  kRefreshTokenRejected,
  kClientRejected,
  kRefreshInDoubt,
  kProviderUnavailable,
  kProviderThrottled,
  kProviderBusy,
  kProviderMalformed,
  kAnswerUnreadable,
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
  kCredentialHeld,
  kCallerExpired,  // The certificate that this process connected with has ended.
  kSecretRequired,

  // Of TokenSource's own making; never sent by a server.
  kNoAnswerYet,    // Just opened.
  kTokenExpired,   // The last token's life is over, and the server has not been reached since.
  kUnusableToken,  // The server sent a token that no header can carry, or one without life in it.
  kForked,         // This process is a fork of the one that opened the source: open another here.
  kClosed,         // The source was destroyed while a thread waited in it.
};

// Why there is no token.
struct TokenError {
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  ErrorReason reason = ErrorReason::kNone;
  std::string reason_name;                    // As sent; empty with kNone.
  std::string message;                        // For people. Never branch on it.
  std::optional<absl::Duration> retry_delay;  // Ask again after this; absent: not without a change.
};

// The server has considered the request and says no: asking again is no use until somebody changes
// something. False for what passes by itself, and for whatever did not come from the server.
bool IsRefusal(const TokenError& error);

// "CODE REASON: message (try again in 3s)" on one line, control characters replaced.
std::string Describe(const TokenError& error);

// "UNAVAILABLE" and so on.
std::string_view StatusCodeName(grpc::StatusCode code);

}  // namespace token_service::client
