#include "tests/sandbox/jwt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace token_service::sandbox {
namespace {

using Json = nlohmann::ordered_json;

std::string Hs512(std::string_view text, std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha512(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return std::string(reinterpret_cast<const char*>(mac.data()), size);
}

std::optional<Json> DecodePart(const std::string& part) {
  std::string text;
  if (!absl::WebSafeBase64Unescape(part, &text)) return std::nullopt;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  return std::make_optional<Json>(std::move(json));
}

std::string Text(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

int64_t Number(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
}

}  // namespace

std::string EncodeJwt(const Jwt& jwt, std::string_view key) {
  const Json header = {{"alg", "HS512"}, {"typ", "JWT"}, {"kid", jwt.key_id}};
  const Json claims = {{"cid", jwt.client_id}, {"type", jwt.type},  {"nbf", jwt.not_before},
                       {"exp", jwt.expiry},    {"iss", jwt.issuer}, {"aud", jwt.audience}};
  const std::string signed_text = absl::StrCat(absl::WebSafeBase64Escape(header.dump()), ".",
                                               absl::WebSafeBase64Escape(claims.dump()));
  return absl::StrCat(signed_text, ".", absl::WebSafeBase64Escape(Hs512(signed_text, key)));
}

std::optional<Jwt> DecodeJwt(std::string_view token, std::string_view key) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(token.data(), token.size()), '.');
  if (parts.size() != 3) return std::nullopt;
  std::string signature;
  if (!absl::WebSafeBase64Unescape(parts[2], &signature)) return std::nullopt;
  const std::string expected = Hs512(absl::StrCat(parts[0], ".", parts[1]), key);
  if (signature.size() != expected.size() ||
      CRYPTO_memcmp(signature.data(), expected.data(), expected.size()) != 0) {
    return std::nullopt;
  }
  const std::optional<Json> header = DecodePart(parts[0]);
  const std::optional<Json> claims = DecodePart(parts[1]);
  if (!header || !claims || Text(*header, "alg") != "HS512") return std::nullopt;
  return Jwt{.key_id = Text(*header, "kid"),
             .client_id = Text(*claims, "cid"),
             .type = Text(*claims, "type"),
             .not_before = Number(*claims, "nbf"),
             .expiry = Number(*claims, "exp"),
             .issuer = Text(*claims, "iss"),
             .audience = Text(*claims, "aud")};
}

}  // namespace token_service::sandbox
