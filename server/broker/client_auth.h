#pragma once

#include <optional>
#include <string_view>

#include "server/broker/credential.h"

namespace token_service::broker {

// `none`, `client_secret_post`, `client_secret_basic`, `client_secret_basic_raw`,
// `private_key_jwt`: as stored and as the API spells them.
std::string_view ClientAuthName(ClientAuth auth);
std::optional<ClientAuth> ClientAuthFromName(std::string_view name);

// client_secret_post, client_secret_basic and client_secret_basic_raw.
bool TakesSecret(ClientAuth auth);

}  // namespace token_service::broker
