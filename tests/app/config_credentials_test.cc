#include "server/config/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"

namespace token_service::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
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

TEST(CredentialConfigTest, ReadsEveryKey) {
  const ServerConfig config = Parse(R"(
credentials:
  - name: support-inbox
    purpose: reads tickets
    client_id: 12345
    refresh_token_file: /run/secrets/support-inbox
    token_endpoint: https://api.socialboards.com/token
    scope: tickets.read
    refresh: on_demand
    client_auth: client_secret_post
    client_secret_file: secret
    ca_file: ca.pem
    assumed_lifetime: 1m
    min_refresh_interval: 2s
    replay_window: 0s
    idle_after: 1h
    keepalive: 48h
    dead_grant_errors: [gone]
    extra_parameters: {resource: x, audience: y}
)");
  ASSERT_EQ(config.credentials.size(), 1U);
  const DeclaredCredential& credential = config.credentials[0];
  const broker::CredentialSettings& s = credential.settings;
  EXPECT_EQ(s.name, "support-inbox");
  EXPECT_EQ(s.purpose, "reads tickets");
  EXPECT_EQ(s.client_id, "12345");
  EXPECT_EQ(s.token_endpoint, "https://api.socialboards.com/token");
  EXPECT_EQ(s.scope, "tickets.read");
  EXPECT_EQ(s.refresh, broker::RefreshMode::kOnDemand);
  EXPECT_EQ(s.client_auth, broker::ClientAuth::kClientSecretPost);
  EXPECT_TRUE(s.client_secrets.empty());
  EXPECT_EQ(s.ca_file, "/etc/ca.pem");
  EXPECT_EQ(s.assumed_lifetime, absl::Minutes(1));
  EXPECT_EQ(s.min_refresh_interval, absl::Seconds(2));
  EXPECT_EQ(s.replay_window, absl::ZeroDuration());
  EXPECT_EQ(s.idle_after, absl::Hours(1));
  EXPECT_EQ(s.keepalive, absl::Hours(48));
  EXPECT_THAT(s.dead_grant_errors, ElementsAre("gone"));
  EXPECT_THAT(s.extra_parameters, ElementsAre(Pair("audience", "y"), Pair("resource", "x")));
  EXPECT_TRUE(s.managed_by_config);
  EXPECT_EQ(credential.refresh_token_file, "/run/secrets/support-inbox");
  EXPECT_THAT(credential.client_secret_files, ElementsAre("/etc/secret"));
  std::vector<std::string> files;
  for (const NamedFile& file : config.files) files.push_back(file.path);
  EXPECT_THAT(files, ElementsAre("/run/secrets/support-inbox", "/etc/secret", "/etc/ca.pem"));
}

TEST(CredentialConfigTest, DefaultsHoldUntilACredentialSaysOtherwise) {
  const ServerConfig config = Parse(R"(
defaults:
  token_endpoint: https://a.example/token
  scope: s
  keepalive: 1h
  dead_grant_errors: [x, y]
  extra_parameters: {a: "1"}
credentials:
  - {name: one, client_id: c, refresh_token_file: f1}
  - {name: two, client_id: c, refresh_token_file: f2, token_endpoint: "https://b.example/token",
     scope: "", keepalive: 2h, dead_grant_errors: [], extra_parameters: {b: "2"}}
)");
  const broker::CredentialSettings& one = config.credentials[0].settings;
  EXPECT_EQ(one.token_endpoint, "https://a.example/token");
  EXPECT_EQ(one.scope, "s");
  EXPECT_EQ(one.keepalive, absl::Hours(1));
  EXPECT_THAT(one.dead_grant_errors, ElementsAre("x", "y"));
  EXPECT_THAT(one.extra_parameters, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(one.replay_window, absl::Seconds(10));
  const broker::CredentialSettings& two = config.credentials[1].settings;
  EXPECT_EQ(two.token_endpoint, "https://b.example/token");
  EXPECT_EQ(two.scope, "");
  EXPECT_EQ(two.keepalive, absl::Hours(2));
  EXPECT_THAT(two.dead_grant_errors, IsEmpty());
  EXPECT_THAT(two.extra_parameters, ElementsAre(Pair("b", "2")));
  EXPECT_EQ(config.defaults.settings.scope, "s");
}

// A default secret is for those who authenticate with one.
TEST(CredentialConfigTest, ADefaultSecretFileIsNotForcedOnAPublicClient) {
  const ServerConfig config = Parse(R"(
defaults: {token_endpoint: "https://a.example/token", client_auth: client_secret_basic, client_secret_file: s}
credentials:
  - {name: one, client_id: c, refresh_token_file: f1}
  - {name: two, client_id: c, refresh_token_file: f2, client_auth: none}
)");
  EXPECT_THAT(config.credentials[0].client_secret_files, ElementsAre("/etc/s"));
  EXPECT_THAT(config.credentials[1].client_secret_files, IsEmpty());
}

TEST(CredentialConfigTest, ReadsTheKeysOfPrivateKeyJwt) {
  const ServerConfig config = Parse(R"(
defaults: {token_endpoint: "https://a.example/token", client_auth: private_key_jwt, client_key_file: k.pem, client_key_id: one}
credentials:
  - {name: one, client_id: c, refresh_token_file: f1}
  - {name: two, client_id: c, refresh_token_file: f2, client_key_file: own.pem, client_key_id: two,
     client_assertion_algorithm: PS256, client_assertion_audience: "https://a.example/"}
  - {name: three, client_id: c, refresh_token_file: f3, client_auth: none}
)");
  EXPECT_EQ(config.credentials[0].client_key_file, "/etc/k.pem");
  EXPECT_EQ(config.credentials[0].settings.client_key.key_id, "one");
  const DeclaredCredential& two = config.credentials[1];
  EXPECT_EQ(two.settings.client_auth, broker::ClientAuth::kPrivateKeyJwt);
  EXPECT_EQ(two.client_key_file, "/etc/own.pem");
  EXPECT_EQ(two.settings.client_key.key_id, "two");
  EXPECT_EQ(two.settings.client_key.algorithm, "PS256");
  EXPECT_EQ(two.settings.client_key.audience, "https://a.example/");
  EXPECT_TRUE(two.settings.client_key.pem.empty());
  EXPECT_EQ(config.credentials[2].client_key_file, "");
  EXPECT_EQ(config.credentials[2].settings.client_key.key_id, "");
  // The defaults' key is tried out once, for all who use it.
  std::vector<std::string> keys;
  for (const NamedFile& file : config.files) {
    if (file.holds == NamedFile::Holds::kClientKey) keys.push_back(file.path + file.algorithm);
  }
  EXPECT_THAT(keys, ElementsAre("/etc/k.pem", "/etc/own.pemPS256"));
}

TEST(CredentialConfigTest, ReadsSeveralSecretFilesInOrder) {
  const ServerConfig config = Parse(R"(
defaults: {token_endpoint: "https://a.example/token", client_auth: client_secret_post, client_secret_files: [new, old]}
credentials:
  - {name: one, client_id: c, refresh_token_file: f1}
  - {name: two, client_id: c, refresh_token_file: f2, client_secret_file: own}
  - {name: three, client_id: c, refresh_token_file: f3, client_secret_files: [b, a]}
)");
  EXPECT_THAT(config.credentials[0].client_secret_files, ElementsAre("/etc/new", "/etc/old"));
  EXPECT_THAT(config.credentials[1].client_secret_files, ElementsAre("/etc/own"));
  EXPECT_THAT(config.credentials[2].client_secret_files, ElementsAre("/etc/b", "/etc/a"));
  std::vector<std::string> named;
  for (const NamedFile& file : config.files) named.push_back(file.where);
  EXPECT_THAT(named, ::testing::Contains("/etc/x.yaml:4: defaults.client_secret_files[1]"));
  EXPECT_THAT(named, ::testing::Contains("/etc/x.yaml:8: credentials[2].client_secret_files[0]"));
}

TEST(CredentialConfigTest, WarnsOfASharedRefreshToken) {
  const ServerConfig config = Parse(R"(
defaults: {token_endpoint: "https://a.example/token"}
credentials:
  - {name: one, client_id: c, refresh_token_file: f}
  - {name: two, client_id: c, refresh_token_file: /etc/f}
)");
  EXPECT_THAT(config.warnings,
              ElementsAre("credentials one and two share a refresh_token_file: if the provider "
                          "rotates, each will spend the other's refresh token"));
}

TEST(CredentialConfigTest, BadCredentialsGetOneLine) {
  const std::string at = "/etc/x.yaml:";
  const std::string good =
      "name: a, client_id: c, refresh_token_file: f, token_endpoint: 'https://h/t'";
  const auto one = [&](const std::string& keys) { return "credentials:\n  - {" + keys + "}\n"; };
  const struct {
    std::string text;
    std::string error;
  } cases[] = {
      {one("client_id: c"), "4: credentials[0].name: is required"},
      {one("name: Inbox"),
       "4: credentials[0].name: expected up to 63 of a-z 0-9 . _ -, the first a letter or digit, "
       "got "
       "\"Inbox\""},
      {one("name: a"), "4: credentials[0].client_id: is required"},
      {one("name: a, client_id: ''"), "4: credentials[0].client_id: is required"},
      {one("name: a, client_id: c"), "4: credentials[0].refresh_token_file: is required"},
      {one("name: a, client_id: c, refresh_token_file: f"),
       "4: credentials[0].token_endpoint: is required, here or in defaults"},
      {one(good) + "  - {" + good + "}\n", "5: credentials[1].name: \"a\" given twice"},
      {one("name: a, client_id: c, refresh_token_file: f, token_endpoint: 'https://u:hush@h/t'"),
       "4: credentials[0].token_endpoint: a user name or password in the URL is not allowed"},
      {"defaults:\n  token_endpoint: http://h/t\n",
       "4: defaults.token_endpoint: expected https (http is for a loopback host only)"},
      {one(good + ", client_auth: client_secret_post"),
       "4: credentials[0].client_secret_file: is required by client_auth"},
      {one(good + ", client_secret_file: s"),
       "4: credentials[0].client_secret_file: client_auth is none; set client_secret_post or "
       "client_secret_basic"},
      {one(good + ", client_auth: private_key_jwt, client_secret_file: s"),
       "4: credentials[0].client_secret_file: client_auth is private_key_jwt; set "
       "client_secret_post or client_secret_basic"},
      {one(good + ", client_secret_files: [s]"),
       "4: credentials[0].client_secret_files: client_auth is none; set client_secret_post or "
       "client_secret_basic"},
      {one(good + ", client_auth: private_key_jwt"),
       "4: credentials[0].client_key_file: is required by client_auth"},
      {one(good + ", client_key_file: k"),
       "4: credentials[0].client_key_file: client_auth is none; set private_key_jwt"},
      {one(good + ", client_key_id: k"),
       "4: credentials[0].client_key_id: client_auth is none; set private_key_jwt"},
      {one(good + ", client_auth: client_secret_post, client_secret_file: s, "
                  "client_assertion_audience: k"),
       "4: credentials[0].client_assertion_audience: client_auth is client_secret_post; set "
       "private_key_jwt"},
      {one(good + ", client_key_file: ''"), "4: credentials[0].client_key_file: must not be empty"},
      {one(good + ", client_assertion_algorithm: HS256"),
       "4: credentials[0].client_assertion_algorithm: expected RS256, PS256 or ES256, got "
       "\"HS256\""},
      {one(good + ", client_auth: magic"),
       "4: credentials[0].client_auth: expected none, client_secret_post, client_secret_basic, "
       "client_secret_basic_raw or private_key_jwt, got \"magic\""},
      {one(good + ", client_secret_file: a, client_secret_files: [b]"),
       "4: credentials[0].client_secret_files: client_secret_file is given as well; one of the "
       "two"},
      {one(good + ", client_secret_files: []"),
       "4: credentials[0].client_secret_files: names no file"},
      {one(good + ", client_secret_files: [a, b, c, d, e]"),
       "4: credentials[0].client_secret_files: names more than 4 files"},
      {one(good + ", client_secret_files: [a, a]"),
       "4: credentials[0].client_secret_files[1]: the same file twice"},
      {one(good + ", client_secret_files: ['']"),
       "4: credentials[0].client_secret_files[0]: must not be empty"},
      {one(good + ", ca_file: ''"), "4: credentials[0].ca_file: must not be empty"},
      {one(good + ", keepalive: 0s"), "4: credentials[0].keepalive: expected 1ms to 87600h, got 0"},
      {one(good + ", assumed_lifetime: 500ms"),
       "4: credentials[0].assumed_lifetime: expected 1s to 87600h, got 500ms"},
      {"defaults:\n  idle_after: 100000h\n",
       "4: defaults.idle_after: expected 1ms to 87600h, got 100000h"},
      {one(good + ", dead_grant_errors: ['']"),
       "4: credentials[0].dead_grant_errors[0]: must not be empty"},
      {"defaults:\n  extra_parameters:\n    refresh_token: hush\n",
       "5: defaults.extra_parameters.refresh_token: is set by the service itself"},
      {"defaults: {client_id: c}\n", "3: unknown key \"client_id\""},
  };
  for (const auto& c : cases) EXPECT_EQ(ErrorOf(c.text), at + c.error) << c.text;
}

TEST(CredentialConfigTest, NoExtraParameterMayReplaceTheServicesOwn) {
  for (const std::string name :
       {"grant_type", "refresh_token", "client_id", "client_secret", "scope"}) {
    EXPECT_NE(ErrorOf("defaults: {extra_parameters: {" + name + ": x}}"), "") << name;
  }
}

}  // namespace
}  // namespace token_service::app
