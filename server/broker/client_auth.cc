#include "server/broker/client_auth.h"

#include <utility>

namespace token_service::broker {
namespace {

constexpr std::pair<ClientAuth, std::string_view> kNames[] = {
    {ClientAuth::kNone, "none"},
    {ClientAuth::kClientSecretPost, "client_secret_post"},
    {ClientAuth::kClientSecretBasic, "client_secret_basic"},
    {ClientAuth::kClientSecretBasicRaw, "client_secret_basic_raw"},
    {ClientAuth::kPrivateKeyJwt, "private_key_jwt"},
};

}  // namespace

std::string_view ClientAuthName(ClientAuth auth) {
  for (const auto& [value, name] : kNames) {
    if (value == auth) return name;
  }
  return "none";
}

std::optional<ClientAuth> ClientAuthFromName(std::string_view wanted) {
  for (const auto& [value, name] : kNames) {
    if (name == wanted) return value;
  }
  return std::nullopt;
}

bool TakesSecret(ClientAuth auth) {
  return auth == ClientAuth::kClientSecretPost || auth == ClientAuth::kClientSecretBasic ||
         auth == ClientAuth::kClientSecretBasicRaw;
}

}  // namespace token_service::broker
