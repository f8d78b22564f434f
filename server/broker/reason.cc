#include "server/broker/reason.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"

namespace token_service::broker {
namespace {

struct Named {
  Reason reason;
  std::string_view name;
};

constexpr std::array kNames = {
    Named{Reason::kCredentialNotFound, "CREDENTIAL_NOT_FOUND"},
    Named{Reason::kRefreshTokenRejected, "REFRESH_TOKEN_REJECTED"},
    Named{Reason::kClientRejected, "CLIENT_REJECTED"},
    Named{Reason::kRefreshInDoubt, "REFRESH_IN_DOUBT"},
    Named{Reason::kProviderUnavailable, "PROVIDER_UNAVAILABLE"},
    Named{Reason::kProviderThrottled, "PROVIDER_THROTTLED"},
    Named{Reason::kProviderBusy, "PROVIDER_BUSY"},
    Named{Reason::kProviderMalformed, "PROVIDER_MALFORMED"},
    Named{Reason::kAnswerUnreadable, "ANSWER_UNREADABLE"},
    Named{Reason::kValidityUnavailable, "VALIDITY_UNAVAILABLE"},
    Named{Reason::kInvalidRequest, "INVALID_REQUEST"},
    Named{Reason::kRefreshedRecently, "REFRESHED_RECENTLY"},
    Named{Reason::kOverloaded, "OVERLOADED"},
    Named{Reason::kShuttingDown, "SHUTTING_DOWN"},
    Named{Reason::kStoreUnavailable, "STORE_UNAVAILABLE"},
    Named{Reason::kCredentialExists, "CREDENTIAL_EXISTS"},
    Named{Reason::kManagedByConfig, "MANAGED_BY_CONFIG"},
    Named{Reason::kCredentialHeld, "CREDENTIAL_HELD"},
    Named{Reason::kRefreshTokenSpent, "REFRESH_TOKEN_SPENT"},
    Named{Reason::kCredentialDisabled, "CREDENTIAL_DISABLED"},
    Named{Reason::kSecretRequired, "SECRET_REQUIRED"},
};

std::string_view Words(Reason reason) {
  switch (reason) {
    case Reason::kCredentialNotFound:
      return "no such credential";
    case Reason::kRefreshTokenRejected:
      return "the provider rejected the refresh token; an operator has to replace it";
    case Reason::kClientRejected:
      return "the provider refuses this client or its request; its settings have to be checked";
    case Reason::kRefreshInDoubt:
      return "an answer of the provider was lost; trying again is held back while the current "
             "token is good";
    case Reason::kProviderUnavailable:
      return "the provider cannot be reached or does not work";
    case Reason::kProviderThrottled:
      return "the provider throttles requests";
    case Reason::kProviderBusy:
      return "the provider has another exchange of this grant under way, or finds it too early";
    case Reason::kProviderMalformed:
      return "the provider's answer could not be used";
    case Reason::kAnswerUnreadable:
      return "an answer of the provider that may hold the next refresh token cannot be used; an "
             "operator has to look at the evidence";
    case Reason::kValidityUnavailable:
      return "min_validity is more than a token of this credential can have";
    case Reason::kInvalidRequest:
      return "the request is malformed";
    case Reason::kRefreshedRecently:
      return "the token was replaced only just now";
    case Reason::kOverloaded:
      return "too many calls are waiting";
    case Reason::kShuttingDown:
      return "the server is shutting down";
    case Reason::kStoreUnavailable:
      return "the credential store cannot be written";
    case Reason::kCredentialExists:
      return "the name is taken";
    case Reason::kManagedByConfig:
      return "the configuration declares this credential; change it there";
    case Reason::kCredentialHeld:
      return "the credential is held, since its refresh token may have been used elsewhere; an "
             "operator has to replace that, or to release the credential";
    case Reason::kRefreshTokenSpent:
      return "the refresh token has been spent; an operator has to replace it";
    case Reason::kCredentialDisabled:
      return "the credential is disabled";
    case Reason::kSecretRequired:
      return "a change of where a secret goes has to bring the secret";
  }
  return "unknown";
}

}  // namespace

std::string_view ReasonName(Reason reason) {
  for (const Named& named : kNames) {
    if (named.reason == reason) return named.name;
  }
  return "UNKNOWN";
}

std::optional<Reason> ReasonFromName(std::string_view name) {
  for (const Named& named : kNames) {
    if (named.name == name) return named.reason;
  }
  return std::nullopt;
}

Refusal MakeRefusal(Reason reason, std::optional<absl::Duration> retry_after) {
  return {.reason = reason, .message = std::string(Words(reason)), .retry_after = retry_after};
}

Refusal SecretRequired(std::string_view field, std::string_view why) {
  return {.reason = Reason::kSecretRequired,
          .message = absl::StrCat(AbslView(why), " changes where a secret goes: bring ",
                                  AbslView(field), " along"),
          .field = std::string(field)};
}

Refusal InvalidField(std::string_view field, std::string_view what) {
  return {.reason = Reason::kInvalidRequest,
          .message = absl::StrCat(AbslView(field), ": ", AbslView(what)),
          .field = std::string(field)};
}

}  // namespace token_service::broker
