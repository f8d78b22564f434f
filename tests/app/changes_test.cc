#include "server/config/changes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace token_service::app {
namespace {

constexpr char kBase[] = R"(
listen: ["127.0.0.1:1", "unix:/run/s"]
data_dir: /var/lib/x
tls: {certificate_file: a.pem, private_key_file: a.key, client_ca_file: ca.pem}
)";

ServerConfig Parse(const std::string& text) {
  absl::StatusOr<ServerConfig> config = ParseConfig(text, "/etc/x.yaml");
  EXPECT_TRUE(config.ok()) << config.status();
  return *std::move(config);
}

std::vector<std::string> KeysThatWait(const std::string& next) {
  auto to = Reconfigure(Parse(kBase), Parse(next));
  EXPECT_TRUE(to.ok()) << to.status();
  return to.ok() ? to->at_next_start : std::vector<std::string>{};
}

TEST(ReconfigureTest, NothingWaitsWhenNothingChanged) {
  EXPECT_EQ(KeysThatWait(kBase), std::vector<std::string>{});
}

TEST(ReconfigureTest, WhatCanChangeIsTheNewOnes) {
  const auto to = Reconfigure(Parse(kBase), Parse(std::string(kBase) + R"(
limits: {waiting_calls: 1, watchers: 2, refreshes_per_endpoint: 3, drain_timeout: 60s}
log: {level: error}
unix_socket_mode: "0600"
callers: [{identity: a, credentials: ["*"]}]
)"));
  ASSERT_TRUE(to.ok()) << to.status();
  EXPECT_EQ(to->at_next_start, std::vector<std::string>{});
  EXPECT_EQ(to->config.limits.waiting_calls, 1);
  EXPECT_EQ(to->config.limits.watchers, 2);
  EXPECT_EQ(to->config.limits.refreshes_per_endpoint, 3);
  EXPECT_EQ(to->config.limits.drain_timeout, absl::Seconds(60));
  EXPECT_EQ(to->config.log.level, telemetry::Level::kError);
  EXPECT_EQ(to->config.unix_socket_mode, mode_t{0600});
  EXPECT_EQ(to->config.callers->size(), 1u);
}

TEST(ReconfigureTest, WhatOnlyAStartCanChangeStaysAndIsNamed) {
  const auto to = Reconfigure(Parse(kBase), Parse(R"(
listen: ["127.0.0.1:2"]
data_dir: /var/lib/x
limits: {refresh_workers: 3, connect_timeout: 1s, exchange_timeout: 2s}
)"));
  ASSERT_TRUE(to.ok()) << to.status();
  EXPECT_EQ(to->at_next_start,
            (std::vector<std::string>{"listen", "tls", "limits.refresh_workers",
                                      "limits.connect_timeout", "limits.exchange_timeout"}));
  EXPECT_EQ(to->config.listen.size(), 2u);
  EXPECT_EQ(to->config.tls->certificate_file, "/etc/a.pem");
  EXPECT_EQ(to->config.limits.refresh_workers, 16);
}

TEST(ReconfigureTest, OtherCertificatesAreTakenUpButNotWhetherClientsAreAsked) {
  EXPECT_EQ(KeysThatWait(R"(
listen: ["127.0.0.1:1", "unix:/run/s"]
data_dir: /var/lib/x
tls: {certificate_file: b.pem, private_key_file: b.key, client_ca_file: other.pem}
)"),
            std::vector<std::string>{});
  EXPECT_EQ(KeysThatWait(R"(
listen: ["127.0.0.1:1", "unix:/run/s"]
data_dir: /var/lib/x
tls: {certificate_file: b.pem, private_key_file: b.key}
)"),
            std::vector<std::string>{"tls"});
}

TEST(ReconfigureTest, OtherDataIsAnotherServer) {
  for (const char* line :
       {"sealing: {key_file: k}\ndata_dir: /var/lib/x", "data_dir: /var/lib/y"}) {
    const auto to = Reconfigure(Parse(kBase), Parse(line));
    EXPECT_TRUE(absl::IsInvalidArgument(to.status())) << line;
  }
}

}  // namespace
}  // namespace token_service::app
