#include "server/oauth/client_assertion.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "tests/jose/test_keys.h"

namespace token_service::oauth {
namespace {

using nlohmann::json;
using testing::NewEcKey;
using testing::NewRsaKey;
using testing::TestKey;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000) + absl::Milliseconds(700);

broker::CredentialSettings Settings(const TestKey& key, const std::string& algorithm = "") {
  broker::CredentialSettings settings;
  settings.client_id = "client \"1\" <&>";
  settings.token_endpoint = "https://provider.test/token?a=1&b=2";
  settings.client_auth = broker::ClientAuth::kPrivateKeyJwt;
  settings.client_key.pem = Secret(std::string_view(key.private_pem));
  settings.client_key.algorithm = algorithm;
  return settings;
}

// An assertion, taken apart.
struct Parts {
  json header;
  json claims;
  std::string signed_text;
  std::string signature;
};

Parts Take(const broker::CredentialSettings& settings, std::string_view jti = "id-1") {
  const auto assertion = MakeClientAssertion(settings, jti, kNow);
  EXPECT_TRUE(assertion.ok()) << assertion.status();
  const std::string text(assertion->Reveal());
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  EXPECT_EQ(parts.size(), 3u);
  EXPECT_EQ(text.find_first_of("+/= "), std::string::npos);
  std::string header;
  std::string claims;
  Parts taken;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(parts[0], &header));
  EXPECT_TRUE(absl::WebSafeBase64Unescape(parts[1], &claims));
  EXPECT_TRUE(absl::WebSafeBase64Unescape(parts[2], &taken.signature));
  taken.header = json::parse(header);
  taken.claims = json::parse(claims);
  taken.signed_text = parts[0] + "." + parts[1];
  return taken;
}

TEST(ClientAssertion, SaysWhoTheClientIsToWhomAndForHowLong) {
  const Parts parts = Take(Settings(NewEcKey()));
  EXPECT_EQ(parts.header, (json{{"alg", "ES256"}}));
  EXPECT_EQ(parts.claims, (json{{"iss", "client \"1\" <&>"},
                                {"sub", "client \"1\" <&>"},
                                {"aud", "https://provider.test/token?a=1&b=2"},
                                {"jti", "id-1"},
                                {"iat", 1'700'000'000.0},
                                {"exp", 1'700'000'120.0}}));
}

TEST(ClientAssertion, WritesDatesAsWholeNumbers) {
  const auto assertion = MakeClientAssertion(Settings(NewEcKey()), "id", kNow);
  const std::vector<std::string> parts = absl::StrSplit(std::string(assertion->Reveal()), '.');
  std::string claims;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[1], &claims));
  EXPECT_NE(claims.find("\"iat\":1700000000,"), std::string::npos) << claims;
}

TEST(ClientAssertion, NamesTheKeyAndTheAudienceAsConfigured) {
  broker::CredentialSettings settings = Settings(NewEcKey());
  settings.client_key.key_id = "key-7";
  settings.client_key.audience = "https://provider.test/";
  const Parts parts = Take(settings);
  EXPECT_EQ(parts.header["kid"], "key-7");
  EXPECT_EQ(parts.claims["aud"], "https://provider.test/");
}

TEST(ClientAssertion, IsSignedSoThatThePublicKeyVerifiesIt) {
  const struct {
    TestKey key;
    std::string wanted;
    std::string algorithm;
  } cases[] = {
      {NewEcKey(), "", "ES256"},
      {NewRsaKey(), "", "RS256"},
      {NewRsaKey(), "PS256", "PS256"},
  };
  for (const auto& [key, wanted, algorithm] : cases) {
    const Parts parts = Take(Settings(key, wanted));
    EXPECT_EQ(parts.header["alg"], algorithm);
    EXPECT_TRUE(testing::Verifies(key, algorithm, parts.signed_text, parts.signature)) << algorithm;
    EXPECT_FALSE(testing::Verifies(key, algorithm, parts.signed_text + "x", parts.signature));
  }
}

TEST(ClientAssertion, NeedsAKey) {
  broker::CredentialSettings settings = Settings(NewEcKey());
  settings.client_key.pem = Secret();
  EXPECT_FALSE(MakeClientAssertion(settings, "id", kNow).ok());
}

}  // namespace
}  // namespace token_service::oauth
