#include "server/api/permission.h"

namespace token_service::api {

Permission PermissionOf(const authz::PolicyInForce& policy, const Caller& caller,
                        std::string_view credential) {
  const authz::AccessPolicy& entries = policy.Look();
  const std::optional<std::string_view> identity = caller.IdentityBy(entries);
  if (!identity.has_value()) return {};
  if (!caller.proven()) return {.expired = true};
  const authz::Rights* const rights = entries.RightsOf(*identity);
  if (rights == nullptr) return {};
  return {.may_use = rights->MayUse(credential), .may_know = rights->MayKnowOf(credential)};
}

ApiError DenialOf(const Permission& permission, std::string_view credential) {
  return permission.expired ? CallerExpired() : CredentialNotPermitted(credential);
}

ApiError RefusalFor(const Permission& permission, const broker::Refusal& refusal,
                    std::string_view credential) {
  const bool hidden = refusal.reason == broker::Reason::kCredentialNotFound && !permission.may_know;
  if (!permission.may_use || hidden) return DenialOf(permission, credential);
  return FromRefusal(refusal, credential);
}

}  // namespace token_service::api
