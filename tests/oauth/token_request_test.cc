#include "server/oauth/token_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace token_service::oauth {
namespace {

using ::testing::Contains;
using ::testing::Pair;

broker::CredentialSettings Settings(broker::ClientAuth auth) {
  broker::CredentialSettings settings;
  settings.client_id = "client 1";
  settings.token_endpoint = "https://provider.test/token";
  settings.client_auth = auth;
  settings.ca_file = "/etc/ca.pem";
  return settings;
}

http::HttpRequest MakeRequest(const broker::CredentialSettings& settings) {
  static const Secret& token = *new Secret(std::string_view("rt/1=="));
  const Secret none;
  return MakeTokenRequest(settings, GrantFields(broker::PresentRefreshToken{token}, none),
                          Secret(std::string_view("s:e+c%ret")));
}

TEST(TokenRequest, GoesToTheEndpointAsAFormAndAsksForJson) {
  const auto request = MakeRequest(Settings(broker::ClientAuth::kNone));
  EXPECT_EQ(request.url, "https://provider.test/token");
  EXPECT_EQ(request.ca_file, "/etc/ca.pem");
  EXPECT_THAT(request.headers, Contains(Pair("Content-Type", "application/x-www-form-urlencoded")));
  EXPECT_THAT(request.headers, Contains(Pair("Accept", "application/json")));
}

TEST(TokenRequest, NamesTheClientWhenItDoesNotAuthenticate) {
  const auto request = MakeRequest(Settings(broker::ClientAuth::kNone));
  EXPECT_EQ(request.body.Reveal(),
            "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D&client_id=client%201");
  EXPECT_TRUE(request.authorization.empty());
}

TEST(TokenRequest, PutsTheClientSecretIntoTheBody) {
  const auto request = MakeRequest(Settings(broker::ClientAuth::kClientSecretPost));
  EXPECT_EQ(request.body.Reveal(),
            "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D&client_id=client%201"
            "&client_secret=s%3Ae%2Bc%25ret");
  EXPECT_TRUE(request.authorization.empty());
}

TEST(TokenRequest, PutsTheClientIntoTheHeaderAndNotTwice) {
  const auto request = MakeRequest(Settings(broker::ClientAuth::kClientSecretBasic));
  // base64("client%201:s%3Ae%2Bc%25ret")
  EXPECT_EQ(request.authorization.Reveal(), "Basic Y2xpZW50JTIwMTpzJTNBZSUyQmMlMjVyZXQ=");
  EXPECT_EQ(request.body.Reveal(), "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D");
}

TEST(TokenRequest, PutsAClientAssertionIntoTheBody) {
  const auto request = MakeRequest(Settings(broker::ClientAuth::kPrivateKeyJwt));
  EXPECT_EQ(
      request.body.Reveal(),
      "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D&client_id=client%201"
      "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
      "&client_assertion=s%3Ae%2Bc%25ret");
  EXPECT_TRUE(request.authorization.empty());
}

TEST(TokenRequest, SendsAScopeOnlyWhenThereIsOne) {
  auto settings = Settings(broker::ClientAuth::kClientSecretBasic);
  settings.scope = "tickets:read tickets:write";
  EXPECT_EQ(MakeRequest(settings).body.Reveal(),
            "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D"
            "&scope=tickets%3Aread%20tickets%3Awrite");
}

TEST(TokenRequest, AddsExtraParametersButNeverANameTwice) {
  auto settings = Settings(broker::ClientAuth::kClientSecretBasic);
  settings.extra_parameters = {{"audience", "https://api.test"},
                               {"grant_type", "password"},
                               {"client_id", "client 1"},
                               {"audience", "again"}};
  EXPECT_EQ(MakeRequest(settings).body.Reveal(),
            "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D"
            "&audience=https%3A%2F%2Fapi.test&client_id=client%201");
}

// ---- a provider's rules

TEST(TokenRequest, SendsWhatTheRulesAdd) {
  broker::ProviderRules rules;
  rules.request.headers = {{"X-Version", "3"}, {"accept", "application/vnd.test+json"}};
  rules.request.secret_headers.emplace_back("X-Key", Secret(std::string_view("k3y")));
  rules.request.user_agent = "acme-bot/1.0";
  rules.request.parameters = {{"type", "refresh"}, {"grant_type", "other"}};
  rules.request.secret_parameters.emplace_back("pin", Secret(std::string_view("1234")));
  rules.request.client_id_parameter = "client_key";
  auto settings = Settings(broker::ClientAuth::kNone);
  settings.provider = broker::ProviderRulesPtr(std::move(rules));
  settings.exchange_timeout = absl::Seconds(7);
  const auto request = MakeRequest(settings);
  EXPECT_EQ(request.body.Reveal(),
            "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D&client_key=client%201"
            "&type=refresh&pin=1234");
  EXPECT_THAT(request.headers, Contains(Pair("X-Version", "3")));
  EXPECT_THAT(request.headers, Contains(Pair("Accept", "application/vnd.test+json")));
  ASSERT_EQ(request.secret_headers.size(), 1u);
  EXPECT_EQ(request.secret_headers[0].second.Reveal(), "k3y");
  EXPECT_EQ(request.user_agent, "acme-bot/1.0");
  EXPECT_EQ(request.timeout, absl::Seconds(7));
}

TEST(TokenRequest, IsAJsonObjectWhereTheRulesSaySo) {
  broker::ProviderRules rules;
  rules.request.body = broker::RequestRules::Body::kJson;
  rules.request.client_id_parameter = "";
  rules.request.parameters = {{"quoted", "a\"b\\c\n"}};
  auto settings = Settings(broker::ClientAuth::kClientSecretPost);
  settings.provider = broker::ProviderRulesPtr(std::move(rules));
  const auto request = MakeRequest(settings);
  EXPECT_EQ(request.body.Reveal(),
            R"({"grant_type":"refresh_token","refresh_token":"rt/1==","client_secret":"s:e+c%ret",)"
            R"("quoted":"a\"b\\c\u000a"})");
  EXPECT_THAT(request.headers, Contains(Pair("Content-Type", "application/json")));
}

TEST(TokenRequest, IsInTheQueryWhereTheRulesSaySo) {
  broker::ProviderRules rules;
  rules.request.body = broker::RequestRules::Body::kQuery;
  auto settings = Settings(broker::ClientAuth::kNone);
  settings.provider = broker::ProviderRulesPtr(std::move(rules));
  const auto request = MakeRequest(settings);
  EXPECT_EQ(request.url, "https://provider.test/token");
  EXPECT_EQ(request.query.Reveal(),
            "grant_type=refresh_token&refresh_token=rt%2F1%3D%3D&client_id=client%201");
  EXPECT_TRUE(request.body.empty());
}

TEST(TokenRequest, DoesNotEncodeTheSecretForBasicWhereTheProviderDoesNotDecode) {
  auto settings = Settings(broker::ClientAuth::kClientSecretBasicRaw);
  // base64("client 1:s:e+c%ret")
  EXPECT_EQ(MakeRequest(settings).authorization.Reveal(), "Basic Y2xpZW50IDE6czplK2MlcmV0");
}

}  // namespace
}  // namespace token_service::oauth
