#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "server/authz/access_policy.h"
#include "server/broker/credential_registry.h"
#include "server/broker/credential_status.h"

namespace token_service::api {

// The credentials after `after`, by name, of those that somebody with these rights may use; at most
// so many. Looks at no others, however many there are.
std::vector<broker::CredentialStatus> PermittedPage(const broker::CredentialRegistry& registry,
                                                    const authz::Rights& rights,
                                                    std::string_view after, size_t most);

}  // namespace token_service::api
