#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/config/config.h"

namespace token_service::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "/etc/x.yaml");
  return config.ok() ? "" : std::string(config.status().message());
}

ServerConfig Parse(const std::string& text, const std::string& file_name = "/etc/x.yaml") {
  auto config = ParseConfig(text, file_name);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *std::move(config) : ServerConfig();
}

TEST(ServerConfigTest, OneKeyIsEnough) {
  const ServerConfig config = Parse("data_dir: /var/lib/token-server\n");
  EXPECT_EQ(config.data_dir, "/var/lib/token-server");
  EXPECT_THAT(config.listen, ElementsAre(Address(TcpAddress{"127.0.0.1", 50051})));
  EXPECT_THAT(config.credentials, IsEmpty());
  EXPECT_FALSE(config.tls.has_value());
  EXPECT_FALSE(config.callers.has_value());
  EXPECT_FALSE(config.metrics_listen.has_value());
  EXPECT_EQ(config.limits.refresh_workers, 16);
  EXPECT_EQ(config.log.level, telemetry::Level::kInfo);
}

TEST(ServerConfigTest, ReadsEveryTopLevelKey) {
  const ServerConfig config = Parse(R"(
listen: [0.0.0.0:8443, "unix:/run/token-server.sock"]
tls: {certificate_file: tls/cert.pem, private_key_file: tls/key.pem, client_ca_file: /etc/ca.pem}
data_dir: data
sealing: {key_file: /run/secrets/keyring}
credentials: []
callers:
  - {identity: "spiffe://example.org/billing", credentials: [support-inbox]}
  - {identity: "spiffe://example.org/ops", operator: true, credentials: ["*"]}
limits: {refresh_workers: 4, refreshes_per_endpoint: 6, waiting_calls: 100, watchers: 200,
         connect_timeout: 1s, exchange_timeout: 10s, drain_timeout: 1m}
log: {level: debug, format: json}
metrics: {listen: "127.0.0.1:9464"}
audit: {file: audit.log}
)",
                                    "/etc/token/server.yaml");
  EXPECT_THAT(config.listen, ElementsAre(Address(TcpAddress{"0.0.0.0", 8443}),
                                         Address(UnixAddress{"/run/token-server.sock"})));
  ASSERT_TRUE(config.tls.has_value());
  EXPECT_EQ(config.tls->certificate_file, "/etc/token/tls/cert.pem");
  EXPECT_EQ(config.tls->private_key_file, "/etc/token/tls/key.pem");
  EXPECT_EQ(config.tls->client_ca_file, "/etc/ca.pem");
  EXPECT_EQ(config.data_dir, "/etc/token/data");
  EXPECT_EQ(config.sealing_key_file, "/run/secrets/keyring");
  ASSERT_TRUE(config.callers.has_value());
  ASSERT_EQ(config.callers->size(), 2U);
  EXPECT_EQ((*config.callers)[0].identity, "spiffe://example.org/billing");
  EXPECT_THAT((*config.callers)[0].credentials, ElementsAre("support-inbox"));
  EXPECT_EQ((*config.callers)[0].operating, authz::Operating::kNothing);
  EXPECT_FALSE((*config.callers)[0].all_credentials);
  EXPECT_EQ((*config.callers)[1].operating, authz::Operating::kChanging);
  EXPECT_TRUE((*config.callers)[1].all_credentials);
  EXPECT_EQ(config.limits.refresh_workers, 4);
  EXPECT_EQ(config.limits.refreshes_per_endpoint, 6);
  EXPECT_EQ(config.limits.waiting_calls, 100);
  EXPECT_EQ(config.limits.watchers, 200);
  EXPECT_EQ(config.limits.connect_timeout, absl::Seconds(1));
  EXPECT_EQ(config.limits.exchange_timeout, absl::Seconds(10));
  EXPECT_EQ(config.limits.drain_timeout, absl::Minutes(1));
  EXPECT_EQ(config.log.level, telemetry::Level::kDebug);
  EXPECT_EQ(config.log.format, telemetry::Format::kJson);
  EXPECT_EQ(config.metrics_listen, Address(TcpAddress{"127.0.0.1", 9464}));
  EXPECT_EQ(config.audit_file, "/etc/token/audit.log");
  EXPECT_THAT(config.warnings,
              ElementsAre("/etc/token/server.yaml:8: callers[0].credentials[0]: no credential "
                          "\"support-inbox\" is declared here"));
}

TEST(ServerConfigTest, ADashIsAnAuditAmongTheLog) {
  EXPECT_EQ(Parse("data_dir: d\naudit: {file: '-'}").audit_file, "");
  EXPECT_EQ(Parse("data_dir: d").audit_file, "");
}

TEST(ServerConfigTest, PathsAreRelativeToTheFile) {
  EXPECT_EQ(Parse("data_dir: data", "conf/x.yaml").data_dir, "conf/data");
  EXPECT_EQ(Parse("data_dir: data", "x.yaml").data_dir, "data");
  EXPECT_EQ(Parse("data_dir: /data", "conf/x.yaml").data_dir, "/data");
  EXPECT_THAT(Parse("data_dir: d\nlisten: ['unix:s']", "/etc/x.yaml").listen,
              ElementsAre(Address(UnixAddress{"/etc/s"})));
}

TEST(ServerConfigTest, AbsentCallersAreNotNoCallers) {
  EXPECT_FALSE(Parse("data_dir: d").callers.has_value());
  EXPECT_THAT(Parse("data_dir: d\ncallers: []").callers, ::testing::Optional(IsEmpty()));
}

TEST(ServerConfigTest, WarnsOfWhatAbsentCallersMean) {
  const std::string open =
      "no callers are configured: whoever can connect without TLS may do everything";
  const std::string shut = "no callers are configured: nobody may do anything over TLS";
  const std::string tls = "data_dir: d\ntls: {certificate_file: c, private_key_file: k}\n";
  EXPECT_THAT(Parse("data_dir: d").warnings, ElementsAre(open));
  EXPECT_THAT(Parse(tls).warnings, ElementsAre(shut));
  EXPECT_THAT(Parse(tls + "listen: ['unix:s', '0.0.0.0:1']").warnings, ElementsAre(open, shut));
  EXPECT_THAT(Parse("data_dir: d\ncallers: []").warnings, IsEmpty());
}

TEST(ServerConfigTest, WarnsOfCallersWhoCannotShowWhoTheyAre) {
  const std::string tls = "data_dir: d\ntls: {certificate_file: c, private_key_file: k";
  EXPECT_THAT(Parse(tls + "}\ncallers: []").warnings,
              ElementsAre("/etc/x.yaml:2: tls: no client_ca_file, so that callers over TLS show no "
                          "certificate and may do nothing"));
  EXPECT_THAT(Parse(tls + ", client_ca_file: a}\ncallers: []").warnings, IsEmpty());
}

TEST(ServerConfigTest, ACallerOfManyCredentialsNamesTheirBeginning) {
  const ServerConfig config = Parse(
      "data_dir: d\ncallers: [{identity: a, operator: read_only, credentials: [tenant-a-*]}]");
  EXPECT_THAT((*config.callers)[0].credential_prefixes, ElementsAre("tenant-a-"));
  EXPECT_THAT((*config.callers)[0].credentials, IsEmpty());
  EXPECT_EQ((*config.callers)[0].operating, authz::Operating::kReading);
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(ServerConfigTest, WarnsOfAnOperatorOfNothing) {
  EXPECT_THAT(
      Parse("data_dir: d\ncallers: [{identity: a, operator: true}]").warnings,
      ElementsAre("/etc/x.yaml:2: callers[0].operator: an operator manages the credentials "
                  "that it may use, and this one names none; credentials: [\"*\"] names all"));
}

TEST(ServerConfigTest, WarnsOfACallerOnNoSocketOfOurs) {
  for (const char* identity : {"unix:/run/b", "unix:/run/b?uid=0", "unix:/srv/*"}) {
    const std::string text =
        std::string("data_dir: d\nlisten: ['unix:/run/a']\ncallers: [{identity: '") + identity +
        "'}]";
    EXPECT_THAT(Parse(text).warnings,
                ElementsAre("/etc/x.yaml:3: callers[0].identity: no such socket is in listen, and "
                            "nobody is called \"" +
                            std::string(identity) + "\""));
  }
}

TEST(ServerConfigTest, TheIdentityOfASocketIsItsPathAsItIsOpened) {
  const std::string listen = "data_dir: d\nlisten: ['unix:s', 'unix:/run/x']\ncallers: ";
  const auto identity = [&](const std::string& text) {
    return (*Parse(listen + "[{identity: '" + text + "'}]").callers)[0].identity;
  };
  EXPECT_EQ(identity("unix:/etc/s"), "unix:/etc/s");
  EXPECT_EQ(identity("unix:s"), "unix:/etc/s");
  EXPECT_EQ(identity("unix:s?uid=0"), "unix:/etc/s?uid=0");
  EXPECT_EQ(identity("unix:///run/x?uid=4294967294"), "unix:/run/x?uid=4294967294");
  EXPECT_EQ(identity("unix:/run/*"), "unix:/run/*");
  EXPECT_EQ(ErrorOf(listen + "[{identity: 'unix:s'}, {identity: 'unix:/etc/s'}]"),
            "/etc/x.yaml:3: callers[1].identity: \"unix:/etc/s\" given twice");
}

TEST(ServerConfigTest, AStoreIsRequiredWhereTheFileSaysSo) {
  EXPECT_FALSE(Parse("data_dir: d").require_store);
  EXPECT_TRUE(Parse("data_dir: d\nrequire_store: true").require_store);
  EXPECT_THAT(ErrorOf("data_dir: d\nrequire_store: maybe"),
              StartsWith("/etc/x.yaml:2: require_store: "));
}

TEST(ServerConfigTest, TheModeOfUnixSocketsIsOctal) {
  EXPECT_EQ(Parse("data_dir: d").unix_socket_mode, 0660U);
  EXPECT_EQ(Parse("data_dir: d\nunix_socket_mode: '0600'").unix_socket_mode, 0600U);
  EXPECT_EQ(Parse("data_dir: d\nunix_socket_mode: 666").unix_socket_mode, 0666U);
  for (const char* mode : {"rw", "888", "4755", "66", "''", "0x1b0", "-660"}) {
    EXPECT_THAT(ErrorOf(std::string("data_dir: d\nunix_socket_mode: ") + mode),
                StartsWith("/etc/x.yaml:2: unix_socket_mode: expected an octal mode"))
        << mode;
  }
}

TEST(ServerConfigTest, AnIdentityThatCannotBeMatchedIsAnError) {
  for (const char* identity : {"'*'", "a*", "a/*/b", "'/*'"}) {
    EXPECT_THAT(ErrorOf(std::string("data_dir: d\ncallers:\n- identity: ") + identity),
                StartsWith("/etc/x.yaml:3: callers[0].identity: an identity is a name"))
        << identity;
  }
}

TEST(ServerConfigTest, WarnsOfADrainShorterThanAnExchange) {
  EXPECT_EQ(Parse("data_dir: d\ncallers: []\nlimits: {drain_timeout: 10s}").warnings.size(), 1U);
  EXPECT_THAT(Parse("data_dir: d\ncallers: []\nlimits: {drain_timeout: 30s}").warnings, IsEmpty());
}

TEST(ServerConfigTest, PlaintextBeyondTheMachineMustBeAllowed) {
  const std::string listen = "data_dir: d\nlisten: ['127.0.0.1:1', '0.0.0.0:2']\n";
  EXPECT_EQ(
      ErrorOf(listen),
      "/etc/x.yaml:2: listen[1]: plaintext on an address that is not loopback: tokens could be "
      "read on the network; set tls, or allow_plaintext: true");
  EXPECT_EQ(ErrorOf(listen + "allow_plaintext: false\n"), ErrorOf(listen));
  EXPECT_EQ(ErrorOf(listen + "allow_plaintext: true\n"), "");
  EXPECT_EQ(ErrorOf(listen + "tls: {certificate_file: c, private_key_file: k}\n"), "");
  EXPECT_EQ(ErrorOf("data_dir: d\nlisten: ['[::1]:1', 'localhost:2', 'unix:s']\n"), "");
}

TEST(ServerConfigTest, NamesTheFilesToBeRead) {
  const ServerConfig config = Parse(R"(
data_dir: d
tls: {certificate_file: c, private_key_file: k}
sealing: {key_file: s}
)");
  std::vector<std::string> named;
  for (const NamedFile& file : config.files) named.push_back(file.where + " = " + file.path);
  EXPECT_THAT(named, ElementsAre("/etc/x.yaml:3: tls.certificate_file = /etc/c",
                                 "/etc/x.yaml:3: tls.private_key_file = /etc/k",
                                 "/etc/x.yaml:4: sealing.key_file = /etc/s"));
}

TEST(ServerConfigTest, BadFilesGetOneLine) {
  const std::string at = "/etc/x.yaml:";
  const struct {
    std::string text;
    std::string error;
  } cases[] = {
      {"listen: []", "1: listen: names no address"},
      {"data_dir: d\nlisten:\n  - 127.0.0.1:1\n  - here\n",
       "4: listen[1]: expected HOST:PORT, [IPV6]:PORT or unix:PATH, got \"here\""},
      {"data_dir: d\nlisten: ['127.0.0.1:1', '127.0.0.1:1']",
       "2: listen[1]: the same address twice"},
      {"data_dir: d\nlisten: ['[::1]:1', '[0::1]:1']", "2: listen[1]: the same address twice"},
      {"data_dir: d\nallow_plaintext: true\nlisten: ['0.0.0.0:1', '127.0.0.1:1']",
       "3: listen[1]: listen[0], 0.0.0.0:1, takes this address already"},
      {"data_dir: d\nlisten: ['unix:@x']",
       "2: listen[0]: an abstract unix socket has no owner and no mode: whoever is on this machine "
       "could use it or take it; give a path (./@NAME for a file of that name), got \"unix:@x\""},
      {"{}", "1: data_dir: is required"},
      {"data_dir: ''", "1: data_dir: must not be empty"},
      {"data_dir: d\nstore: {postgresql: {url_file: u}}",
       "2: store: data_dir is given as well; one of the two"},
      {"store: {postgresql: {url_file: u}}", "1: store.postgresql: not supported in this build"},
      {"store: {}", "1: store.postgresql: is required"},
      {"tls: {certificate_file: c}", "1: tls.private_key_file: is required"},
      {"tls: {private_key_file: k}", "1: tls.certificate_file: is required"},
      {"tls: {certificate_file: '', private_key_file: k}",
       "1: tls.certificate_file: must not be empty"},
      {"data_dir: d\nsealing: {key_file: ''}", "2: sealing.key_file: must not be empty"},
      {"data_dir: d\nmetrics: {}", "2: metrics.listen: is required"},
      {"data_dir: d\nmetrics: {listen: x}",
       "2: metrics.listen: expected HOST:PORT, [IPV6]:PORT or unix:PATH, got \"x\""},
      {"data_dir: d\nmetrics: {listen: 'unix:/run/x'}",
       "2: metrics.listen: expected HOST:PORT or [IPV6]:PORT"},
      {"data_dir: d\nlisten: ['127.0.0.1:1']\nmetrics: {listen: 'localhost:1'}",
       "3: metrics.listen: listen[0], 127.0.0.1:1, takes this address already"},
      {"data_dir: d\naudit: {}", "2: audit.file: is required"},
      {"data_dir: d\nlimits:\n  refresh_workers: 0\n",
       "3: limits.refresh_workers: expected 1 to 1024, got 0"},
      {"data_dir: d\nlimits: {refreshes_per_endpoint: 5000}",
       "2: limits.refreshes_per_endpoint: expected 1 to 1024, got 5000"},
      {"data_dir: d\nlimits: {waiting_calls: 4000000000}",
       "2: limits.waiting_calls: expected 1 to 10000000, got 4000000000"},
      {"data_dir: d\nlimits: {connect_timeout: 0s}",
       "2: limits.connect_timeout: expected 1ms to 1h, got 0"},
      {"data_dir: d\nlimits: {exchange_timeout: 2h}",
       "2: limits.exchange_timeout: expected 1ms to 1h, got 2h"},
      {"data_dir: d\ncallers: [{operator: true}]", "2: callers[0].identity: is required"},
      {"data_dir: d\ncallers:\n  - identity: a\n  - identity: b\n  - identity: a\n",
       "5: callers[2].identity: \"a\" given twice"},
      {"data_dir: d\ncallers: [{identity: a, credentials: [No]}]",
       "2: callers[0].credentials[0]: expected a credential's name, PREFIX-* or \"*\", got "
       "\"No\""},
      {"data_dir: d\ncallers: [{identity: a, credentials: ['*-b']}]",
       "2: callers[0].credentials[0]: expected a credential's name, PREFIX-* or \"*\", got "
       "\"*-b\""},
      {"data_dir: d\ncallers: [{identity: a, operator: maybe}]",
       "2: callers[0].operator: expected true, false or read_only, got \"maybe\""},
      {"data_dir: d\ncallers: [{identity: 'uid:2001'}]",
       "2: callers[0].identity: no caller can have this identity: expected spiffe://DOMAIN/PATH, a "
       "DNS name, a common name (without \":\"), \"anonymous\", unix:PATH or unix:PATH?uid=N"},
  };
  for (const auto& c : cases) EXPECT_EQ(ErrorOf(c.text), at + c.error) << c.text;
}

}  // namespace
}  // namespace token_service::app
