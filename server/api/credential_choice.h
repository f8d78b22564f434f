#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "server/api/api_error.h"
#include "server/authz/access_policy.h"
#include "server/broker/token_cache.h"

namespace token_service::api {

// Which credential a call is about: the one it names, or, when it names none, `default` or the only
// one the caller may use. Refuses malformed names and those the caller may not use.
std::variant<std::string, ApiError> ChooseCredential(std::string_view requested,
                                                     const authz::Rights& rights,
                                                     const broker::TokenCache& cache);

}  // namespace token_service::api
