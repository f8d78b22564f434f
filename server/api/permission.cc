#include "server/api/permission.h"

namespace token_service::api {

Permission PermissionOf(const authz::PolicyInForce& policy, const Caller& caller,
                        std::string_view credential) {
  if (!caller.identity().has_value()) return {};
  const authz::Rights* const rights = policy.Look().RightsOf(*caller.identity());
  if (rights == nullptr) return {};
  return {.may_use = rights->MayUse(credential), .may_know = rights->MayKnowOf(credential)};
}

ApiError RefusalFor(const Permission& permission, const broker::Refusal& refusal,
                    std::string_view credential) {
  const bool hidden = refusal.reason == broker::Reason::kCredentialNotFound && !permission.may_know;
  if (!permission.may_use || hidden) return CredentialNotPermitted(credential);
  return FromRefusal(refusal, credential);
}

}  // namespace token_service::api
