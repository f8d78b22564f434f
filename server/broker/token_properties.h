#pragma once

#include <map>
#include <string>

namespace token_service::broker {

// What a provider's answer has beside the token and callers need to use it, such as the address of
// their own instance: ResponseRules::expose. By the path in the answer; values of at most 1024
// printable ASCII characters.
using TokenProperties = std::map<std::string, std::string>;

}  // namespace token_service::broker
