#pragma once

#include <string_view>

#include "server/api/api_error.h"
#include "server/api/caller.h"
#include "server/authz/policy_in_force.h"

namespace token_service::api {

// What a caller may do with one credential, by the policy of this moment: to be asked again by a
// call that has waited.
struct Permission {
  // The caller's certificate proves who it is no more: it may do nothing.
  bool expired = false;
  bool may_use = false;
  // Whether it may learn that there is no such credential.
  bool may_know = false;
};

// Nothing for a caller without an identity.
Permission PermissionOf(const authz::PolicyInForce& policy, const Caller& caller,
                        std::string_view credential);

// What a caller is told that may not use a credential, or not any more.
ApiError DenialOf(const Permission& permission, std::string_view credential);

// What the broker refused, as such a caller is told.
ApiError RefusalFor(const Permission& permission, const broker::Refusal& refusal,
                    std::string_view credential);

}  // namespace token_service::api
