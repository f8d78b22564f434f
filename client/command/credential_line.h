#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "token/v1/credential_service.pb.h"

namespace token_service::client {

// A credential as one line of a file has it: a JSON object of token.v1.Credential's fields, by the
// names of the proto. What comes instead says what is wrong with it and quotes nothing but a
// field's name: the line holds secrets.
std::variant<token::v1::Credential, std::string> ReadCredentialLine(std::string_view line);

// The fields that `wanted` sets and the server has otherwise, in their order. Of secrets, which no
// server shows, none.
std::vector<std::string> Differences(const token::v1::Credential& wanted,
                                     const token::v1::Credential& there);

}  // namespace token_service::client
