#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace token_service::broker {

// Why there is no token. The names are ErrorInfo.reason of the public API.
enum class Reason {
  kCredentialNotFound,
  kRefreshTokenRejected,
  kClientRejected,
  kRefreshInDoubt,
  kProviderUnavailable,
  kProviderThrottled,
  kProviderBusy,  // It has another exchange of the same grant under way, or it is too early.
  kProviderMalformed,
  kAnswerUnreadable,  // An answer stands that may hold the next refresh token.
  kValidityUnavailable,
  kInvalidRequest,
  kRefreshedRecently,
  kOverloaded,
  kShuttingDown,
  kStoreUnavailable,  // docs/adr/0003: our own database, not the provider.
  kCredentialExists,
  kManagedByConfig,
  kCredentialHeld,      // An old copy, maybe: nothing is sent until an operator says so.
  kRefreshTokenSpent,   // A refresh token that must not come back: docs/adr/0024.
  kCredentialDisabled,  // Taken out of the configuration, or its sealed record does not open.
  kSecretRequired,      // A change of where a secret goes has to bring the secret.
};

// "PROVIDER_UNAVAILABLE" and so on.
std::string_view ReasonName(Reason reason);

// The inverse, for what is stored.
std::optional<Reason> ReasonFromName(std::string_view name);

// An answer that is not a token. Never holds anything that the provider sent.
struct Refusal {
  Reason reason;
  std::string message;  // For people; names no secret.
  // Worth asking again then; absent: not without a change.
  std::optional<absl::Duration> retry_after;
  std::string field = {};  // Of a malformed request.
};

// A refusal with the standard words for `reason`.
Refusal MakeRefusal(Reason reason, std::optional<absl::Duration> retry_after = std::nullopt);

// kSecretRequired: `field` is the secret.
Refusal SecretRequired(std::string_view field, std::string_view why);

// kInvalidRequest. `what` quotes nothing of the value.
Refusal InvalidField(std::string_view field, std::string_view what);

}  // namespace token_service::broker
