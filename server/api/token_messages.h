#pragma once

#include <token/v1/token_service.pb.h>

#include <variant>

#include "server/api/api_error.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/token_issuer.h"

namespace token_service::api {

// Broker values ↔ messages.

// The request for a credential already chosen; INVALID_ARGUMENT for a malformed or negative
// min_validity.
std::variant<broker::TokenRequest, ApiError> FromProto(
    const token::v1::GetAccessTokenRequest& request, std::string credential);

// `expires_in` is what is left at `now`, zero at least.
void ToProto(const broker::AccessToken& token, MonotonicTime now,
             token::v1::GetAccessTokenResponse& response);

}  // namespace token_service::api
