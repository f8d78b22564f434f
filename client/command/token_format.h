#pragma once

#include <string>

#include "token/v1/token_service.pb.h"

namespace token_service::client {

// How a token is shown.
enum class TokenFormat {
  kToken,   // The access token alone.
  kHeader,  // "Authorization: Bearer …", for curl -H.
  kJson,    // The whole answer in proto3 JSON, on one line.
};

// One line without its end. The token is in it, in clear.
std::string FormatToken(const token::v1::GetAccessTokenResponse& response, TokenFormat format);

}  // namespace token_service::client
