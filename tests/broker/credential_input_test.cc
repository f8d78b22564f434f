#include "server/broker/credential_input.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace token_service::broker {
namespace {

Secret Sec(std::string_view value) { return Secret(value); }

CredentialProfile Good() {
  return {.purpose = "reads the inbox",
          .client_id = "client",
          .token_endpoint = "https://provider.example/token",
          .scope = "read write",
          .client_auth = "none"};
}

TEST(CredentialInputTest, TakesWhatIsWellFormed) {
  EXPECT_FALSE(CheckProfile(Good()).has_value());
  CredentialProfile with_secret = Good();
  with_secret.client_auth = "client_secret_basic";
  with_secret.client_secret = Sec("hush");
  EXPECT_FALSE(CheckProfile(with_secret).has_value());
  CredentialProfile with_key = Good();
  with_key.client_auth = "private_key_jwt";
  EXPECT_FALSE(CheckProfile(with_key).has_value());
  EXPECT_FALSE(CheckRefreshToken(Sec(std::string(16384, '~'))).has_value());
  EXPECT_FALSE(CheckName("support-inbox").has_value());
}

TEST(CredentialInputTest, NamesTheFieldThatIsWrong) {
  const struct {
    const char* field;
    std::function<void(CredentialProfile&)> spoil;
  } cases[] = {
      {"purpose", [](auto& p) { p.purpose = "two\nlines"; }},
      {"purpose", [](auto& p) { p.purpose = std::string(1025, 'x'); }},
      {"client_id", [](auto& p) { p.client_id = ""; }},
      {"client_id", [](auto& p) { p.client_id = "caf\xC3\xA9"; }},
      {"client_id", [](auto& p) { p.client_id = std::string(1025, 'x'); }},
      {"token_endpoint", [](auto& p) { p.token_endpoint = ""; }},
      {"token_endpoint", [](auto& p) { p.token_endpoint = "http://provider.example/token"; }},
      {"token_endpoint", [](auto& p) { p.token_endpoint += std::string(2048, 'x'); }},
      {"scope", [](auto& p) { p.scope = "a\"b"; }},
      {"scope", [](auto& p) { p.scope = "a\tb"; }},
      {"client_auth", [](auto& p) { p.client_auth = ""; }},
      {"client_auth", [](auto& p) { p.client_auth = "magic"; }},
      {"client_secret", [](auto& p) { p.client_auth = "client_secret_post"; }},
      {"client_secret", [](auto& p) { p.client_secret = Sec("hush"); }},
      {"client_secret",
       [](auto& p) {
         p.client_auth = "private_key_jwt";
         p.client_secret = Sec("hush");
       }},
  };
  for (const auto& c : cases) {
    CredentialProfile profile = Good();
    c.spoil(profile);
    const std::optional<Refusal> refusal = CheckProfile(profile);
    ASSERT_TRUE(refusal.has_value()) << c.field;
    EXPECT_EQ(refusal->reason, Reason::kInvalidRequest) << c.field;
    EXPECT_EQ(refusal->field, c.field);
  }
}

TEST(CredentialInputTest, ABadSecretIsNotQuoted) {
  for (const std::string& token : {std::string(), std::string("hush\n"), std::string("hush\x80"),
                                   std::string("hush\0", 5), std::string(16385, 'x')}) {
    const std::optional<Refusal> refusal = CheckRefreshToken(Secret(std::string_view(token)));
    ASSERT_TRUE(refusal.has_value());
    EXPECT_EQ(refusal->field, "refresh_token");
    EXPECT_EQ(refusal->message.find("hush"), std::string::npos);
  }
}

TEST(CredentialInputTest, AChangeToAClientAuthWithoutSecretForgetsTheSecret) {
  for (const char* auth : {"none", "private_key_jwt"}) {
    CredentialProfile profile = Good();
    profile.client_auth = "client_secret_post";
    profile.client_secret = Sec("hush");
    ProfileChange change;
    change.client_auth = auth;
    change.ApplyTo(profile);
    EXPECT_TRUE(profile.client_secret.empty()) << auth;
    EXPECT_FALSE(CheckProfile(profile).has_value()) << auth;
  }
}

}  // namespace
}  // namespace token_service::broker
