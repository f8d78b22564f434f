#include "server/broker/credential_name.h"

#include <algorithm>

namespace token_service::broker {
namespace {

constexpr size_t kLongest = 63;

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool IsCredentialName(std::string_view name) {
  return !name.empty() && name.size() <= kLongest && IsLowerAlnum(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLowerAlnum(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace token_service::broker
