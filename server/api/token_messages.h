#pragma once

#include <token/v1/token_service.pb.h>

#include <string>
#include <variant>

#include "server/api/api_error.h"
#include "server/api/request_fields.h"
#include "server/broker/access_token.h"
#include "server/broker/token_issuer.h"

namespace token_service::api {

// Broker values ↔ messages.

// The request for a credential already chosen; INVALID_ARGUMENT for a malformed or negative
// min_validity.
std::variant<broker::TokenRequest, ApiError> ToTokenRequest(const RequestFields& fields,
                                                            std::string credential);

// All but `access_token`, which is secret, and `expires_in`, which changes.
void ToProto(const broker::AccessToken& token, token::v1::GetAccessTokenResponse& response);

}  // namespace token_service::api
