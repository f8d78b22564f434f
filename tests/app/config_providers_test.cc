#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"

namespace token_service::app {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kHead[] = "data_dir: d\ncallers: []\n";

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(kHead + text, "/etc/x.yaml");
  return config.ok() ? "" : std::string(config.status().message());
}

ServerConfig Parse(const std::string& text) {
  auto config = ParseConfig(kHead + text, "/etc/x.yaml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *std::move(config) : ServerConfig();
}

TEST(ProviderConfigTest, ReadsEveryKey) {
  const ServerConfig config = Parse(R"(
providers:
  - name: acme
    like: rfc6749
    title: Acme
    documentation: ['https://acme.example/docs']
    token_endpoint: https://acme.example/token
    authorization_endpoint: https://acme.example/authorize
    request:
      body: json
      client_id_parameter: client_key
      client_auth: client_secret_basic_raw
      headers: {X-Version: "3"}
      secret_headers: {X-Key: key}
      user_agent: acme-bot/1.0
      parameters: {type: refresh}
      secret_parameters: {k: pin}
    response:
      access_token: data.access_token
      scheme: Bearer
      expires_in: data.expires
      expires_in_unit: ms
      expose: [data.url]
    errors:
      - {status: 400, path: error, equals: 17, text: "being processed", means: busy}
    refresh_before: 30s
    replay_window: 60s
    exchange_timeout: 10s
    refresh_token_lifetime: 168h
    concurrency: 1
credentials:
  - {name: a, client_id: c, refresh_token_file: f, provider: acme, client_secret_file: s}
)");
  ASSERT_EQ(config.credentials.size(), 1u);
  const broker::CredentialSettings& settings = config.credentials[0].settings;
  EXPECT_EQ(settings.token_endpoint, "https://acme.example/token");
  EXPECT_EQ(settings.client_auth, broker::ClientAuth::kClientSecretBasicRaw);
  EXPECT_EQ(settings.refresh_before, absl::Seconds(30));
  EXPECT_EQ(settings.replay_window, absl::Seconds(60));
  EXPECT_EQ(settings.exchange_timeout, absl::Seconds(10));
  EXPECT_EQ(settings.refresh_token_lifetime, absl::Hours(168));
  EXPECT_EQ(settings.concurrency, 1);
  const broker::ProviderRules& rules = *settings.provider;
  EXPECT_EQ(rules.name, "acme");
  EXPECT_EQ(rules.request.body, broker::RequestRules::Body::kJson);
  EXPECT_EQ(rules.request.client_id_parameter, "client_key");
  EXPECT_THAT(rules.request.headers, ElementsAre(Pair("X-Version", "3")));
  EXPECT_EQ(rules.request.user_agent, "acme-bot/1.0");
  EXPECT_EQ(rules.response.access_token, "data.access_token");
  EXPECT_EQ(rules.response.refresh_token, "refresh_token");
  EXPECT_EQ(rules.response.expires_in_unit, broker::TimeUnit::kMilliseconds);
  EXPECT_THAT(rules.response.expose, ElementsAre("data.url"));
  ASSERT_EQ(rules.errors.size(), 1u);
  EXPECT_EQ(rules.errors[0].equals, "17");
  EXPECT_EQ(rules.errors[0].means, broker::ErrorMeaning::kBusy);
  const ProviderDeclaration& acme = *config.providers.at("acme");
  EXPECT_THAT(acme.secret_headers, ElementsAre(Pair("X-Key", "/etc/key")));
  std::vector<std::string> named;
  for (const NamedFile& file : config.files) named.push_back(file.where);
  EXPECT_THAT(named,
              ::testing::Contains("/etc/x.yaml:16: providers[0].request.secret_headers.X-Key"));
}

TEST(ProviderConfigTest, TheCredentialGoesBeforeItsProviderAndThatBeforeTheDefaults) {
  const ServerConfig config = Parse(R"(
providers:
  - {name: acme, token_endpoint: 'https://acme.example/token', replay_window: 60s}
defaults: {token_endpoint: 'https://default.example/token', replay_window: 5s, provider: acme}
credentials:
  - {name: a, client_id: c, refresh_token_file: f}
  - {name: b, client_id: c, refresh_token_file: g, token_endpoint: 'https://own.example/token', replay_window: 7s}
  - {name: c, client_id: c, refresh_token_file: h, provider: rfc6749}
)");
  ASSERT_EQ(config.credentials.size(), 3u);
  EXPECT_EQ(config.credentials[0].settings.token_endpoint, "https://acme.example/token");
  EXPECT_EQ(config.credentials[0].settings.replay_window, absl::Seconds(60));
  EXPECT_EQ(config.credentials[1].settings.token_endpoint, "https://own.example/token");
  EXPECT_EQ(config.credentials[1].settings.replay_window, absl::Seconds(7));
  EXPECT_EQ(config.credentials[2].settings.token_endpoint, "https://default.example/token");
  EXPECT_EQ(config.credentials[2].settings.replay_window, absl::Seconds(5));
}

TEST(ProviderConfigTest, LikeTakesOverWhatIsNotGiven) {
  const ServerConfig config = Parse(R"(
providers:
  - name: child
    like: parent
    request: {user_agent: child/1}
    errors: [{status: 409, means: busy}]
  - name: parent
    token_endpoint: https://parent.example/token
    request: {body: query, user_agent: parent/1, headers: {A: b}}
    response: {access_token: data.token}
    errors: [{status: 500, means: unavailable}, {status: 418, means: dead}]
    replay_window: 9s
  - {name: tesla, like: tesla, replay_window: 1h}
)");
  const ProviderDeclaration& child = *config.providers.at("child");
  EXPECT_EQ(child.token_endpoint, "https://parent.example/token");
  EXPECT_EQ(child.rules->request.body, broker::RequestRules::Body::kQuery);
  EXPECT_EQ(child.rules->request.user_agent, "child/1");
  EXPECT_THAT(child.rules->request.headers, ElementsAre(Pair("A", "b")));
  EXPECT_EQ(child.rules->response.access_token, "data.token");
  ASSERT_EQ(child.rules->errors.size(), 1u) << "a list takes the place of the other as a whole";
  EXPECT_EQ(child.replay_window, absl::Seconds(9));
  const ProviderDeclaration& tesla = *config.providers.at("tesla");
  EXPECT_EQ(tesla.replay_window, absl::Hours(1));
  EXPECT_FALSE(tesla.token_endpoint.empty()) << "of the built-in one";
}

TEST(ProviderConfigTest, BadProvidersGetOneLine) {
  const auto one = [](const std::string& keys) { return "providers: [{name: p, " + keys + "}]\n"; };
  const std::string at = "/etc/x.yaml:3: ";
  const std::pair<std::string, std::string> cases[] = {
      {"providers: [{token_endpoint: 'https://h/t'}]\n", "providers[0].name: is required"},
      {"providers: [{name: p}, {name: p}]\n", "providers[1].name: \"p\" given twice"},
      {"providers: [{name: rfc6749}]\n", "providers[0].name: is RFC 6749's own"},
      {one("like: nobody"), "providers[0].like: no such provider: \"nobody\""},
      {one("like: tesle"),
       "providers[0].like: no such provider: \"tesle\"; did you mean \"tesla\"?"},
      {one("like: p"), "providers[0].like: no such provider: \"p\""},
      {"providers: [{name: p, like: q}, {name: q, like: p}]\n",
       "providers[0].like: leads back to itself"},
      {one("token_endpoint: 'http://h.example/t'"),
       "providers[0].token_endpoint: expected https (http is for a loopback host only)"},
      {one("request: {body: xml}"),
       "providers[0].request.body: expected form, json or query, got \"xml\""},
      {one("request: {headers: {'a b': c}}"),
       "providers[0].request.headers.a b: is no name of a header (RFC 9110 5.1)"},
      {one("request: {headers: {authorization: c}}"),
       "providers[0].request.headers.authorization: is set by the service itself"},
      {one("request: {parameters: {refresh_token: c}}"),
       "providers[0].request.parameters.refresh_token: is set by the service itself"},
      {one("response: {access_token: a..b}"),
       "providers[0].response.access_token: expected names joined by dots, such as "
       "data.access_token"},
      {one("response: {expose: [refresh_token]}"),
       "providers[0].response.expose[0]: is a token: callers are given the access token, and "
       "nothing else"},
      {one("response: {scheme: 'two words'}"),
       "providers[0].response.scheme: expected one word, such as Bearer"},
      {one("errors: [{status: 400}]"), "providers[0].errors[0].means: is required"},
      {one("errors: [{means: dead}]"),
       "providers[0].errors[0]: fits every answer: give a status, a path with equals, or a text"},
      {one("errors: [{path: error, means: dead}]"),
       "providers[0].errors[0].equals: is required: path and equals go together"},
      {one("errors: [{status: 99, means: dead}]"),
       "providers[0].errors[0].status: expected an HTTP status, 100 to 999"},
      {one("errors: [{status: 400, means: sad}]"),
       "providers[0].errors[0].means: expected dead, busy, throttled, unavailable, "
       "client_refused, too_early or extended, got \"sad\""},
      {one("concurrency: 0"), "providers[0].concurrency: expected 1 to 1000"},
      {"credentials: [{name: a, client_id: c, refresh_token_file: f, provider: tesle}]\n",
       "credentials[0].provider: no such provider: \"tesle\"; did you mean \"tesla\"?"},
      {"defaults: {provider: nobody}\n", "defaults.provider: no such provider: \"nobody\""},
      {"credentials: [{name: a, client_id: c, refresh_token_file: f, provider: keycloak, "
       "client_secret_file: s}]\n",
       "credentials[0].token_endpoint: is required: the provider's is "
       "https://{host}/realms/{realm}/protocol/openid-connect/token, with what is yours between "
       "the braces"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(ErrorOf(text), at + error) << text;
}

}  // namespace
}  // namespace token_service::app
