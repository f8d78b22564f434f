#include "tests/sandbox/jwt.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace token_service::sandbox {
namespace {

constexpr char kKey[] = "a key of the test's own";

Jwt Example() {
  return {.key_id = "7",
          .client_id = "client-1",
          .type = "access",
          .not_before = 1'700'000'000,
          .expiry = 1'700'003'600,
          .issuer = "the issuer",
          .audience = "the audience"};
}

std::string Sha512(const std::string& text) {
  std::string digest(64, '\0');
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
             EVP_sha512(), nullptr);
  return digest;
}

// HMAC from its definition (RFC 2104) over the bare hash; the code under test uses the library's.
std::string HmacByDefinition(std::string key, const std::string& text) {
  key.resize(128, '\0');
  std::string inner = key;
  std::string outer = key;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  return Sha512(outer + Sha512(inner + text));
}

std::vector<std::string> Parts(const std::string& token) { return absl::StrSplit(token, '.'); }

nlohmann::json PartAsJson(const std::string& part) {
  std::string text;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(part, &text));
  return nlohmann::json::parse(text, nullptr, false);
}

TEST(JwtTest, SignatureIsHmacSha512OfHeaderAndClaims) {
  const std::vector<std::string> parts = Parts(EncodeJwt(Example(), kKey));
  ASSERT_EQ(parts.size(), 3u);
  const std::string expected = HmacByDefinition(kKey, parts[0] + "." + parts[1]);
  EXPECT_EQ(parts[2], absl::WebSafeBase64Escape(expected));
}

TEST(JwtTest, HeaderNamesHs512) {
  const nlohmann::json header = PartAsJson(Parts(EncodeJwt(Example(), kKey))[0]);
  EXPECT_EQ(header, (nlohmann::json{{"alg", "HS512"}, {"typ", "JWT"}, {"kid", "7"}}));
}

TEST(JwtTest, ClaimsAreExactlyThoseOfTheTicketApi) {
  const nlohmann::json claims = PartAsJson(Parts(EncodeJwt(Example(), kKey))[1]);
  EXPECT_EQ(claims, (nlohmann::json{{"cid", "client-1"},
                                    {"type", "access"},
                                    {"nbf", 1'700'000'000},
                                    {"exp", 1'700'003'600},
                                    {"iss", "the issuer"},
                                    {"aud", "the audience"}}));
}

TEST(JwtTest, DecodesWhatItEncoded) {
  const std::optional<Jwt> jwt = DecodeJwt(EncodeJwt(Example(), kKey), kKey);
  ASSERT_TRUE(jwt.has_value());
  EXPECT_EQ(jwt->key_id, "7");
  EXPECT_EQ(jwt->client_id, "client-1");
  EXPECT_EQ(jwt->type, "access");
  EXPECT_EQ(jwt->not_before, 1'700'000'000);
  EXPECT_EQ(jwt->expiry, 1'700'003'600);
  EXPECT_EQ(jwt->issuer, "the issuer");
  EXPECT_EQ(jwt->audience, "the audience");
}

TEST(JwtTest, RefusesAnotherKey) {
  EXPECT_FALSE(DecodeJwt(EncodeJwt(Example(), kKey), "another key").has_value());
}

TEST(JwtTest, RefusesClaimsChangedAfterSigning) {
  Jwt forged = Example();
  forged.expiry += 3600;
  const std::vector<std::string> honest = Parts(EncodeJwt(Example(), kKey));
  const std::vector<std::string> changed = Parts(EncodeJwt(forged, "guess"));
  EXPECT_FALSE(DecodeJwt(absl::StrCat(honest[0], ".", changed[1], ".", honest[2]), kKey));
}

TEST(JwtTest, RefusesTheAlgorithmNone) {
  const std::vector<std::string> parts = Parts(EncodeJwt(Example(), kKey));
  const std::string header = absl::WebSafeBase64Escape(R"({"alg":"none","typ":"JWT"})");
  EXPECT_FALSE(DecodeJwt(absl::StrCat(header, ".", parts[1], "."), kKey));
}

TEST(JwtTest, RefusesAnotherAlgorithmEvenWhenSignedWithTheKey) {
  const std::vector<std::string> parts = Parts(EncodeJwt(Example(), kKey));
  const std::string text =
      absl::StrCat(absl::WebSafeBase64Escape(R"({"alg":"HS256"})"), ".", parts[1]);
  const std::string signature = absl::WebSafeBase64Escape(HmacByDefinition(kKey, text));
  EXPECT_FALSE(DecodeJwt(absl::StrCat(text, ".", signature), kKey));
}

TEST(JwtTest, RefusesWhatIsNoToken) {
  for (const char* text : {"", ".", "..", "a.b", "a.b.c", "a.b.c.d", "\xff.\xff.\xff"}) {
    EXPECT_FALSE(DecodeJwt(text, kKey)) << text;
  }
}

}  // namespace
}  // namespace token_service::sandbox
