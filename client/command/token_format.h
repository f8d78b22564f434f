#pragma once

#include <string>

#include "token/v1/token_service.pb.h"
#include "token_service/access_token.h"

namespace token_service::client {

// How a token is shown.
enum class TokenFormat {
  kToken,   // The access token alone.
  kHeader,  // "Authorization: Bearer …", for curl -H.
  kJson,    // The whole answer in proto3 JSON, on one line.
};

// One line without its end. The token is in it, in clear.
std::string FormatToken(const token::v1::GetAccessTokenResponse& response, TokenFormat format);

// The same of a token that is kept: there is no expires_in in it, which would be true for a moment.
std::string FormatToken(const AccessToken& token, TokenFormat format);

// A token is printable ASCII (RFC 6749 appendix A); a line end in it would forge a header.
bool IsPrintable(const token::v1::GetAccessTokenResponse& response);

}  // namespace token_service::client
