#include "server/api/credential_choice.h"

#include <optional>

#include "server/broker/credential_name.h"

namespace token_service::api {
namespace {

constexpr std::string_view kDefault = "default";

}  // namespace

std::variant<std::string, ApiError> ChooseCredential(std::string_view requested,
                                                     const authz::Rights& rights,
                                                     const broker::TokenCache& cache) {
  if (!requested.empty()) {
    if (!broker::IsCredentialName(requested)) {
      return InvalidField("credential", "not a name: [a-z0-9]([a-z0-9._-]{0,62})");
    }
    if (!rights.MayUse(requested)) return CredentialNotPermitted(requested);
    return std::string(requested);
  }
  if (rights.MayUse(kDefault) && cache.Contains(kDefault)) return std::string(kDefault);
  if (!rights.all_credentials) {
    if (std::optional<std::string> only = rights.OnlyCredential(); only.has_value()) return *only;
    return rights.UsesNothing() ? CredentialNotPermitted("") : CredentialRequired();
  }
  const std::vector<std::string> names = cache.Names(2);
  if (names.size() == 1) return names.front();
  if (names.empty()) {
    return FromRefusal(broker::MakeRefusal(broker::Reason::kCredentialNotFound), kDefault);
  }
  return CredentialRequired();
}

}  // namespace token_service::api
