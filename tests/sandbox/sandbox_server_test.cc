#include "tests/sandbox/sandbox_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace token_service::sandbox {
namespace {

using Json = nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SandboxServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(SandboxServer::Options options) {
    server_.reset();
    absl::StatusOr<std::unique_ptr<SandboxServer>> server =
        SandboxServer::Create(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    refresh_token_ = server_->authority().Mint("demo");
  }

  httplib::Client Client() const { return httplib::Client("127.0.0.1", server_->port()); }

  static httplib::Result Exchange(int port, const std::string& refresh_token) {
    return httplib::Client("127.0.0.1", port)
        .Post("/token", httplib::Params{{"grant_type", "refresh_token"},
                                        {"refresh_token", refresh_token},
                                        {"client_id", "sandbox"}});
  }
  httplib::Result Exchange(const std::string& refresh_token) const {
    return Exchange(server_->port(), refresh_token);
  }

  httplib::Result Tickets(const std::string& authorization) const {
    httplib::Headers headers;
    if (!authorization.empty()) headers.emplace("Authorization", authorization);
    return Client().Get("/v2/tickets", headers);
  }

  Json Stats() const { return Json::parse(Client().Get("/sandbox/stats")->body); }

  std::unique_ptr<SandboxServer> server_;
  std::string refresh_token_;
};

TEST_F(SandboxServerTest, TokenAnswerIsTheTicketApis) {
  const httplib::Result result = Exchange(refresh_token_);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->get_header_value("Cache-Control"), "no-store");
  const Json answer = Json::parse(result->body);
  EXPECT_EQ(answer.size(), 4u);
  EXPECT_EQ(answer["token_type"], "bearer");
  EXPECT_EQ(answer["expires_in"], 3599);
  EXPECT_EQ(answer["refresh_token"].get<std::string>().size(), 44u);
  EXPECT_NE(answer["refresh_token"], refresh_token_);
  EXPECT_EQ(std::ranges::count(answer["access_token"].get<std::string>(), '.'), 2);
}

TEST_F(SandboxServerTest, AccessTokenBuysTheTickets) {
  const std::string token = Json::parse(Exchange(refresh_token_)->body)["access_token"];
  const httplib::Result result = Tickets("Bearer " + token);
  ASSERT_EQ(result->status, 200);
  const Json tickets = Json::parse(result->body)["tickets"];
  ASSERT_GE(tickets.size(), 3u);
  for (const char* key : {"id", "subject", "status", "channel", "created_at"}) {
    EXPECT_TRUE(tickets[0].contains(key)) << key;
  }
}

TEST_F(SandboxServerTest, TicketsRefuseAForeignToken) {
  for (const char* authorization : {"Bearer x.y.z", "bearer nonsense"}) {
    const httplib::Result result = Tickets(authorization);
    EXPECT_EQ(result->status, 401);
    EXPECT_THAT(result->get_header_value("WWW-Authenticate"),
                HasSubstr("Bearer error=\"invalid_token\""));
  }
}

TEST_F(SandboxServerTest, TicketsWithoutATokenAreRefusedWithoutAnErrorCode) {
  for (const char* authorization : {"", "Basic eDp5", "Bearer "}) {
    const httplib::Result result = Tickets(authorization);
    EXPECT_EQ(result->status, 401);
    EXPECT_THAT(result->get_header_value("WWW-Authenticate"),
                AllOf(HasSubstr("Bearer"), Not(HasSubstr("error"))));
  }
}

TEST_F(SandboxServerTest, MalformedTokenRequests) {
  const char kForm[] = "application/x-www-form-urlencoded";
  const std::string good = "grant_type=refresh_token&client_id=sandbox&refresh_token=";
  const struct {
    const char* path;
    std::string body;
    const char* content_type;
    int status;
    const char* error;
  } cases[] = {
      {"/token", "", kForm, 400, "invalid_request"},
      {"/token", "grant_type=refresh_token&client_id=sandbox", kForm, 400, "invalid_request"},
      {"/token", "grant_type=refresh_token&refresh_token=x", kForm, 400, "invalid_request"},
      {"/token", "client_id=sandbox&refresh_token=x", kForm, 400, "invalid_request"},
      {"/token", good, kForm, 400, "invalid_request"},
      {"/token", good + "x&refresh_token=y", kForm, 400, "invalid_request"},
      {"/token", "grant_type=password&client_id=sandbox", kForm, 400, "unsupported_grant_type"},
      {"/token", good + "x", kForm, 400, "invalid_grant"},
      {"/token", "grant_type=refresh_token&refresh_token=x&client_id=other", kForm, 401,
       "invalid_client"},
      {"/token", good + "x", "application/json", 400, "invalid_request"},
      {"/token?client_id=sandbox", "grant_type=refresh_token&refresh_token=x", kForm, 400,
       "invalid_request"},
  };
  for (const auto& test : cases) {
    const httplib::Result result = Client().Post(test.path, test.body, test.content_type);
    ASSERT_TRUE(result) << test.path << ' ' << test.body;
    EXPECT_EQ(result->status, test.status) << test.path << ' ' << test.body;
    EXPECT_EQ(Json::parse(result->body)["error"], test.error) << test.path << ' ' << test.body;
    EXPECT_EQ(result->get_header_value("Cache-Control"), "no-store");
  }
}

TEST_F(SandboxServerTest, WrongMethodsAreNamed) {
  const httplib::Result get_token = Client().Get("/token");
  EXPECT_EQ(get_token->status, 405);
  EXPECT_EQ(get_token->get_header_value("Allow"), "POST");
  EXPECT_EQ(Client().Post("/v2/tickets")->status, 405);
  EXPECT_EQ(Client().Get("/nowhere")->status, 404);
}

TEST_F(SandboxServerTest, ReuseRevokesAndIsCounted) {
  const std::string token = Json::parse(Exchange(refresh_token_)->body)["access_token"];
  EXPECT_EQ(Exchange(refresh_token_)->status, 400);
  EXPECT_EQ(Tickets("Bearer " + token)->status, 401);
  const Json stats = Stats();
  EXPECT_EQ(stats["reuse_detected"], 1);
  EXPECT_EQ(stats["token_requests"], 2);
  EXPECT_EQ(stats["tokens_issued"], 1);
  const Json demo = {{"name", "demo"}, {"client_id", "sandbox"}, {"issued", 1},
                     {"rotations", 1}, {"reuse_detected", 1},    {"in_flight_max", 1},
                     {"revoked", true}};
  EXPECT_EQ(stats["credentials"], Json::array({demo}));
}

TEST_F(SandboxServerTest, MintsACredentialOnRequest) {
  const httplib::Result result =
      Client().Post("/sandbox/credentials", R"({"name":"second"})", "application/json");
  ASSERT_EQ(result->status, 201);
  const Json minted = Json::parse(result->body);
  EXPECT_EQ(minted["name"], "second");
  EXPECT_EQ(minted["client_id"], "sandbox");
  EXPECT_EQ(Exchange(minted["refresh_token"])->status, 200);
}

TEST_F(SandboxServerTest, TheFormMintsACredentialAndShowsItsToken) {
  const httplib::Result result =
      Client().Post("/sandbox/credentials", httplib::Params{{"name", "from <the> form"}});
  ASSERT_EQ(result->status, 201);
  EXPECT_THAT(result->body, HasSubstr("from &lt;the&gt; form"));
  EXPECT_EQ(Stats()["credentials"].size(), 2u);
}

TEST_F(SandboxServerTest, RefusesToMintWithoutAName) {
  for (const char* body : {"", "{}", R"({"name":7})", R"({"name":"a/b"})", "[", "null"}) {
    EXPECT_EQ(Client().Post("/sandbox/credentials", body, "application/json")->status, 400) << body;
  }
}

TEST_F(SandboxServerTest, RevokesACredentialOnRequest) {
  EXPECT_EQ(Client().Post("/sandbox/credentials/demo/revoke")->status, 200);
  EXPECT_EQ(Json::parse(Exchange(refresh_token_)->body)["error"], "invalid_grant");
  EXPECT_EQ(Client().Post("/sandbox/credentials/nobody/revoke")->status, 404);
}

TEST_F(SandboxServerTest, RefusesFaultOrdersItDoesNotUnderstand) {
  for (const char* body :
       {"", "{", R"({"fault":"gremlins"})", R"({"fault":"hang","count":-2})",
        R"({"fault":"hang","count":1.5})", R"({"fault":"none","latency":"long"})",
        R"({"fault":"throttle","retry_after":-1})"}) {
    EXPECT_EQ(Client().Post("/sandbox/faults", body, "application/json")->status, 400) << body;
  }
}

TEST_F(SandboxServerTest, ThePageShowsNumbersAndNamesButNoToken) {
  const Json answer = Json::parse(Exchange(refresh_token_)->body);
  Tickets("Bearer " + answer["access_token"].get<std::string>());
  const httplib::Result page = Client().Get("/");
  ASSERT_EQ(page->status, 200);
  EXPECT_THAT(page->body, AllOf(HasSubstr("demo"), HasSubstr("POST /token"),
                                HasSubstr("200 token issued"), HasSubstr("GET /v2/tickets")));
  for (const std::string& secret : {refresh_token_, answer["refresh_token"].get<std::string>(),
                                    answer["access_token"].get<std::string>()}) {
    EXPECT_THAT(page->body, Not(HasSubstr(secret.substr(0, 12))));
  }
}

TEST_F(SandboxServerTest, SimultaneousExchangesAreSeenWhileTheLatencyLasts) {
  Start({.mishap = {.latency = absl::Hours(1)}});
  const std::string other_token = server_->authority().Mint("other");
  const int port = server_->port();
  std::thread one([&, port] { Exchange(port, refresh_token_); });
  std::thread other([&, port] { Exchange(port, other_token); });
  AuthorityStats stats;
  while (stats.concurrent_exchanges_max < 2) stats = server_->authority().Stats();
  EXPECT_EQ(stats.tokens_issued, 0);
  EXPECT_EQ(stats.credentials.at(0).in_flight_max, 1);
  EXPECT_EQ(stats.credentials.at(1).in_flight_max, 1);
  server_.reset();  // Ends the wait.
  one.join();
  other.join();
}

TEST_F(SandboxServerTest, RefusesOptionsThatMakeNoSense) {
  for (const SandboxServer::Options& options :
       {SandboxServer::Options{.listen = "nowhere"}, SandboxServer::Options{.listen = ":8081"},
        SandboxServer::Options{.listen = "127.0.0.1:65536"},
        SandboxServer::Options{.tokens = {.ttl = absl::Milliseconds(999)}},
        SandboxServer::Options{.tokens = {.client_id = ""}},
        SandboxServer::Options{.tokens = {.omit_refresh_token = true}},
        SandboxServer::Options{.fail_rate = 1.1}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(SandboxServer::Create(options).status()));
  }
}

TEST_F(SandboxServerTest, APortInUseIsNotShared) {
  const std::string taken = "127.0.0.1:" + std::to_string(server_->port());
  EXPECT_TRUE(absl::IsUnavailable(SandboxServer::Create({.listen = taken}).status()));
}

}  // namespace
}  // namespace token_service::sandbox
