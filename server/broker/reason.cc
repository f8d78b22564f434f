#include "server/broker/reason.h"

#include <array>

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
    Named{Reason::kProviderMalformed, "PROVIDER_MALFORMED"},
    Named{Reason::kValidityUnavailable, "VALIDITY_UNAVAILABLE"},
    Named{Reason::kInvalidRequest, "INVALID_REQUEST"},
    Named{Reason::kRefreshedRecently, "REFRESHED_RECENTLY"},
    Named{Reason::kOverloaded, "OVERLOADED"},
    Named{Reason::kShuttingDown, "SHUTTING_DOWN"},
    Named{Reason::kStoreUnavailable, "STORE_UNAVAILABLE"},
    Named{Reason::kCredentialDisabled, "CREDENTIAL_DISABLED"},
};

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

}  // namespace token_service::broker
