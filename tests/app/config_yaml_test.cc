#include "server/config/yaml.h"

#include <gtest/gtest.h>

#include <string>

#include "server/config/config.pb.h"
#include "server/config/source.h"

namespace token_service::app {
namespace {

using ::token::config::ConfigFile;

std::string ErrorOf(std::string_view text) {
  ConfigSource source = ConfigSource::File("/etc/x.yaml");
  ConfigFile file;
  return std::string(YamlToProto(text, source, file).message());
}

ConfigFile Load(std::string_view text) {
  ConfigSource source = ConfigSource::File("/etc/x.yaml");
  ConfigFile file;
  const absl::Status status = YamlToProto(text, source, file);
  EXPECT_TRUE(status.ok()) << status;
  return file;
}

TEST(YamlToProtoTest, TakesAnySingleValueForAString) {
  const ConfigFile file = Load(R"(
credentials:
  - {name: 007, client_id: 12345, purpose: true, scope: "a b", token_endpoint: ''}
)");
  EXPECT_EQ(file.credentials(0).name(), "007");
  EXPECT_EQ(file.credentials(0).client_id(), "12345");
  EXPECT_EQ(file.credentials(0).purpose(), "true");
  EXPECT_EQ(file.credentials(0).scope(), "a b");
  EXPECT_TRUE(file.credentials(0).has_token_endpoint());
}

TEST(YamlToProtoTest, ReadsDurationsEnumsNumbersAndMaps) {
  const ConfigFile file = Load(R"(
defaults:
  refresh: on_demand
  client_auth: client_secret_basic
  replay_window: 0s
  keepalive: 1h30m
  idle_after: 1500ms
  extra_parameters: {audience: "https://x", n: 1}
limits: {watchers: 16}
allow_plaintext: true
)");
  EXPECT_EQ(file.defaults().refresh(), token::config::REFRESH_ON_DEMAND);
  EXPECT_EQ(file.defaults().client_auth(), token::config::CLIENT_AUTH_CLIENT_SECRET_BASIC);
  EXPECT_TRUE(file.defaults().has_replay_window());
  EXPECT_EQ(file.defaults().keepalive().seconds(), 5400);
  EXPECT_EQ(file.defaults().idle_after().seconds(), 1);
  EXPECT_EQ(file.defaults().idle_after().nanos(), 500'000'000);
  EXPECT_EQ(file.defaults().extra_parameters().at("n"), "1");
  EXPECT_EQ(file.limits().watchers(), 16U);
  EXPECT_TRUE(file.allow_plaintext());
}

TEST(YamlToProtoTest, ReadsAliases) {
  const ConfigFile file = Load(R"(
callers:
  - {identity: a, credentials: &both [x, y]}
  - {identity: b, credentials: *both}
)");
  EXPECT_EQ(file.callers(1).credentials_size(), 2);
}

TEST(YamlToProtoTest, BadFilesGetOneLineWithFileLineAndKey) {
  const std::string at = "/etc/x.yaml:";
  const struct {
    std::string text;
    std::string error;
  } cases[] = {
      // Not one document of YAML.
      {"", "1: empty"},
      {"# nothing\n", "1: empty"},
      {"~", "1: empty"},
      {"data_dir: a\n---\ndata_dir: b\n", "2: a second document (---)"},
      {"data_dir: a\n\tlisten: []\n",
       "2: malformed YAML: illegal tab when looking for indentation"},
      {"listen:\n\t- a\n", "2: malformed YAML: illegal block entry"},
      {"listen: [a, b\n", "2: malformed YAML: end of sequence flow not found"},
      {"data_dir: \"never closed\n", "2: malformed YAML: a quote that is not closed"},
      {"data_dir: \"never closed\nlisten: []", "2: malformed YAML: a quote that is not closed"},
      {"data_dir: *nobody\n", "1: malformed YAML: the referenced anchor is not defined"},
      {"data_dir: \"\\q\"\n", "1: malformed YAML"},
      {"data_dir: a\nscope: \xC3(\n", "2: not UTF-8 text"},
      {std::string("\xFF\xFE"
                   "a\0",
                   4),
       "1: not UTF-8 text"},
      {std::string((4 << 20) + 1, '#'), "1: longer than 4194304 bytes"},
      {std::string(100'000, '['), "1: malformed YAML"},
      {"just words", "1: expected a map (key: value)"},
      {"[a, b]", "1: expected a map (key: value)"},
      // Keys.
      {"data_dir: a\nlisten_on: []\n", "2: unknown key \"listen_on\""},
      {"lisen: []\n", "1: unknown key \"lisen\"; did you mean \"listen\"?"},
      {"credentials:\n  - refresh_token: hush\n",
       "2: unknown key \"refresh_token\"; did you mean \"refresh_token_file\"?"},
      {"data_dir: a\ndata_dir: b\n", "2: key \"data_dir\" given twice"},
      {"limits:\n  watchers: 1\n  \"watchers\": 2\n", "3: key \"watchers\" given twice"},
      {"defaults:\n  extra_parameters:\n    a: 1\n    a: 2\n", "4: key \"a\" given twice"},
      {"? [a]\n: b\n", "1: a key must be a word"},
      {"base: &b {}\n<<: *b\n", "1: unknown key \"base\""},
      {"defaults: &d {scope: x}\ncredentials:\n  - {<<: *d}\n",
       "3: merge keys (<<) are not supported"},
      // Types.
      {"data_dir:\n", "1: data_dir: has no value"},
      {"data_dir: null\n", "1: data_dir: has no value"},
      {"listen:\n", "1: listen: expected a list ([a, b], or - a)"},
      {"listen: a:1\n", "1: listen: expected a list ([a, b], or - a)"},
      {"listen:\n  - a:1\n  -\n", "1: listen[1]: has no value"},
      {"listen: [{a: b}]\n", "1: listen[0]: expected a single value"},
      {"data_dir: [a]\n", "1: data_dir: expected a single value"},
      {"tls: yes please\n", "1: tls: expected a map (key: value)"},
      {"credentials: [support-inbox]\n", "1: credentials[0]: expected a map (key: value)"},
      {"allow_plaintext: yes\n", "1: allow_plaintext: expected true or false, got \"yes\""},
      {"allow_plaintext: True\n", "1: allow_plaintext: expected true or false, got \"True\""},
      {"allow_plaintext: \"true\"\n", "1: allow_plaintext: expected true or false, got \"true\""},
      {"limits: {watchers: many}\n", "1: limits.watchers: expected a whole number, got \"many\""},
      {"limits: {watchers: -1}\n", "1: limits.watchers: expected a whole number, got \"-1\""},
      {"limits: {watchers: 1.5}\n", "1: limits.watchers: expected a whole number, got \"1.5\""},
      {"limits: {watchers: \"16\"}\n", "1: limits.watchers: expected a whole number, got \"16\""},
      {"limits: {watchers: 4294967296}\n",
       "1: limits.watchers: expected a whole number, got \"4294967296\""},
      {"\n\ndefaults:\n  refresh: sometimes\n",
       "4: defaults.refresh: expected eager or on_demand, got \"sometimes\""},
      {"defaults: {refresh: unspecified}\n",
       "1: defaults.refresh: expected eager or on_demand, got \"unspecified\""},
      {"defaults: {client_auth: basic}\n",
       "1: defaults.client_auth: expected none, client_secret_post, client_secret_basic, "
       "client_secret_basic_raw or private_key_jwt, got "
       "\"basic\""},
      {"log: {level: loud}\n",
       "1: log.level: expected debug, info, warning or error, got \"loud\""},
      {"log: {level: \"a\\nb\x1b\"}\n",
       "1: log.level: expected debug, info, warning or error, got \"a\\nb\\x1b\""},
      {"log: {level: " + std::string(1000, 'x') + "}\n",
       "1: log.level: expected debug, info, warning or error, got \"" + std::string(60, 'x') +
           "…\""},
      {"data_dir: !!binary aHVzaA==\n", "1: data_dir: tags are not supported"},
      {"data_dir: \"a\\0b\"\n", "1: data_dir: holds a line break or another control character"},
      {"data_dir: |\n  a\n  b\n", "1: data_dir: holds a line break or another control character"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ErrorOf(c.text), at + c.error) << c.text.substr(0, 100);
  }
}

TEST(YamlToProtoTest, RefusesWhatIsNoDuration) {
  for (const char* text : {"10", "0", "-5s", "+5s", "inf", "10 s", "s", "ten seconds", "10s1",
                           "99999999999999999999h", "1d", ".5s", "''"}) {
    const std::string got = std::string_view(text) == "''" ? "" : text;
    EXPECT_EQ(
        ErrorOf("defaults: {keepalive: " + std::string(text) + "}"),
        "/etc/x.yaml:1: defaults.keepalive: expected a duration such as 500ms, 10s, 5m or 24h, "
        "got \"" +
            got + "\"");
  }
}

// A few kilobytes that stand for millions of values.
TEST(YamlToProtoTest, RefusesAliasesThatUnfoldIntoTooMuch) {
  std::string text = "callers:\n  - {identity: a, credentials: &many [";
  for (int i = 0; i < 1000; ++i) text += "x,";
  text += "x]}\n";
  for (int i = 0; i < 1000; ++i) text += "  - {identity: b, credentials: *many}\n";
  EXPECT_TRUE(ErrorOf(text).ends_with(": too many values")) << ErrorOf(text);
}

TEST(YamlToProtoTest, RefusesMoreTokensThanTheParserShouldHaveToHold) {
  for (const char* token : {"\"", "[", "x,", "{a: ", "&a ", "!a "}) {
    std::string text;
    while (text.size() + 16 < (4 << 20)) text += token;
    const std::string error = ErrorOf(text);
    EXPECT_TRUE(error == "/etc/x.yaml:1: too many values") << token << error;
  }
}

TEST(YamlToProtoTest, RefusesWhatIsNestedTooDeeply) {
  const auto repeated = [](std::string_view what, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += what;
    return text;
  };
  for (const std::string& text :
       {"data_dir: " + repeated("[", 100'000) + repeated("]", 100'000), repeated("[", 900'000),
        repeated("{a: ", 100'000), repeated("- ", 1 << 20), repeated("? ", 900'000)}) {
    EXPECT_EQ(ErrorOf(text), "/etc/x.yaml:1: malformed YAML") << text.substr(0, 20);
  }
}

// yaml-cpp takes each for a document without an end, or for endlessly many.
TEST(YamlToProtoTest, RefusesACommaWhereADocumentShouldBegin) {
  for (const std::string text :
       {",", ",a", "---\n,", ",*d]\nf: &f [*e]\n", ",{", "data_dir: d\n...\n,"}) {
    EXPECT_NE(ErrorOf(text), "") << text;
  }
}

TEST(YamlToProtoTest, RefusesAnAliasOfItsOwnAncestor) {
  EXPECT_EQ(ErrorOf("listen: &a [*a]\n"), "/etc/x.yaml:1: listen[0]: expected a single value");
}

TEST(YamlToProtoTest, NeverShowsAStringsValue) {
  for (const char* text :
       {"data_dir: [sentinel]", "data_dir: {sentinel: 1}", "data_dir: \"sentinel\\n\"",
        "data_dir: *sentinel", "data_dir: &sentinel", "data_dir: \"\\usentinel\"",
        "defaults: {extra_parameters: {key: [sentinel]}}",
        "defaults: {extra_parameters: {key: \"sentinel\\0\"}}",
        "defaults: {extra_parameters: sentinel}", "data_dir: !!sentinel x", "credentials: sentinel",
        "credentials: [{name: sentinel, name: b}]", "%YAML sentinel\n---\na: b", "sentinel"}) {
    const std::string error = ErrorOf(text);
    EXPECT_NE(error, "") << text;
    EXPECT_EQ(error.find("sentinel"), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace token_service::app
