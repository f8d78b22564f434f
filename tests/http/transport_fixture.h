#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/http/curl_transport.h"
#include "tests/http/test_certificates.h"
#include "tests/http/test_server.h"
#include "tests/testing/fake_clock.h"

namespace token_service::http {

class TransportTest : public ::testing::Test {
 protected:
  using Server = token_service::testing::TestServer;
  using Connection = token_service::testing::TestConnection;

  // A transport of the test's own limits. The patience is ample: only tests of time-outs cut it.
  std::unique_ptr<CurlTransport> MakeTransport(CurlTransport::Options options = {}) {
    auto transport = CurlTransport::Create(options, clock_);
    EXPECT_TRUE(transport.ok());
    return *std::move(transport);
  }

  HttpRequest Request(const std::string& url, std::string_view body = "a=b") const {
    HttpRequest request;
    request.url = url;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                       {"Accept", "application/json"}};
    request.body = Secret(body);
    request.ca_file = authority_.file();
    return request;
  }

  Server::Tls Tls(const std::string& host = "localhost", long valid_for_seconds = 3600) const {
    Server::Tls tls;
    tls.identity = authority_.Issue(host, valid_for_seconds);
    return tls;
  }

  // What the script of a well-behaved server does.
  static void AnswerOk(Connection& connection) {
    (void)connection.ReadRequest();
    (void)connection.Write(token_service::testing::HttpAnswer("200 OK", "{}"));
  }

  // The causes, or a failed test.
  static std::optional<NotSent::Cause> WhyNotSent(const HttpOutcome& outcome) {
    const auto* not_sent = std::get_if<NotSent>(&outcome);
    EXPECT_NE(not_sent, nullptr) << "outcome " << outcome.index();
    return not_sent == nullptr ? std::nullopt : std::optional(not_sent->cause);
  }
  static std::optional<Lost::Cause> WhyLost(const HttpOutcome& outcome) {
    const auto* lost = std::get_if<Lost>(&outcome);
    EXPECT_NE(lost, nullptr) << "outcome " << outcome.index();
    return lost == nullptr ? std::nullopt : std::optional(lost->cause);
  }
  static HttpResponse Response(HttpOutcome outcome) {
    if (auto* response = std::get_if<HttpResponse>(&outcome)) return std::move(*response);
    ADD_FAILURE() << "no response: outcome " << outcome.index();
    return {};
  }

  token_service::testing::FakeClock clock_;
  token_service::testing::TestAuthority authority_;
};

}  // namespace token_service::http
