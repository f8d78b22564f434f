#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <future>
#include <string>

#include "tests/http/transport_fixture.h"

namespace token_service::http {
namespace {

using ::testing::StartsWith;
using token_service::testing::HttpAnswer;

// What went wrong, and above all whether the request can have been seen.
using CurlFailureTest = TransportTest;

TEST_F(CurlFailureTest, AClosedPortMeansNotSent) {
  std::string url;
  {
    Server server(AnswerOk);
    url = server.HttpUrl();
  }
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(url))), NotSent::Cause::kConnect);
}

TEST_F(CurlFailureTest, AnUnknownHostMeansNotSent) {
  // Too long a label (RFC 1035 section 2.3.4) to be asked for on the network.
  const std::string url = "https://" + std::string(64, 'x') + ".invalid/token";
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(url))), NotSent::Cause::kResolve);
}

// The moment counts when the connection stands, TLS included, not when the POST was called.
TEST_F(CurlFailureTest, WhatIsTooLateWhenTheConnectionStandsIsNotSent) {
  for (const bool tls : {false, true}) {
    std::promise<std::string> seen;
    const auto script = [&](Connection& connection) { seen.set_value(connection.Read()); };
    const auto server =
        tls ? std::make_unique<Server>(Tls(), script) : std::make_unique<Server>(script);
    HttpRequest late = Request(tls ? server->HttpsUrl() : server->HttpUrl());
    late.send_before = clock_.Now();
    EXPECT_EQ(WhyNotSent(MakeTransport()->Post(late)), NotSent::Cause::kTooLate);
    std::future<std::string> request = seen.get_future();
    ASSERT_EQ(request.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_EQ(request.get(), "") << (tls ? "over TLS" : "plain");
  }
}

TEST_F(CurlFailureTest, WhatIsInTimeIsSent) {
  Server server(AnswerOk);
  HttpRequest in_time = Request(server.HttpUrl());
  in_time.send_before = clock_.Now() + absl::Nanoseconds(1);
  EXPECT_EQ(Response(MakeTransport()->Post(in_time)).status, 200);
}

TEST_F(CurlFailureTest, AnotherSchemeMeansNotSent) {
  for (const char* url : {"file:///etc/hostname", "ftp://127.0.0.1/token", "gopher://127.0.0.1/"}) {
    EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(url))), NotSent::Cause::kOther) << url;
  }
}

TEST_F(CurlFailureTest, UserInfoInTheUrlMeansNotSent) {
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request("http://user:pass@127.0.0.1:1/token"))),
            NotSent::Cause::kOther);
}

// The trap this transport is built around: on a reused connection libcurl would send the POST
// again.
TEST_F(CurlFailureTest, SendsAPostOnceWhenTheConnectionDiesBeforeTheAnswer) {
  int posts = 0;
  int connections = 0;
  {
    Server server([&](Connection& connection) {
      if (connection.ReadRequest().empty()) return;
      // The first is answered and its connection kept open, as if for reuse.
      if (++posts == 1) {
        connection.Write(HttpAnswer("200 OK", "{}"));
        if (!connection.ReadRequest().empty()) ++posts;
      }
    });
    const auto transport = MakeTransport();
    (void)Response(transport->Post(Request(server.HttpUrl())));
    EXPECT_EQ(WhyLost(transport->Post(Request(server.HttpUrl()))), Lost::Cause::kEmpty);
    connections = server.accepted();
  }
  EXPECT_EQ(posts, 2);
  EXPECT_EQ(connections, 2);
}

TEST_F(CurlFailureTest, AResetInTheMiddleOfTheRequestMeansLost) {
  Server server([](Connection& connection) {
    (void)connection.ReadExactly(1);
    connection.Reset();
  });
  const HttpOutcome outcome =
      MakeTransport()->Post(Request(server.HttpUrl(), std::string(5'000'000, 'x')));
  EXPECT_EQ(WhyLost(outcome), Lost::Cause::kReset);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlFailureTest, AResetAfterTheRequestIsReadMeansLost) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Reset();
  });
  EXPECT_EQ(WhyLost(MakeTransport()->Post(Request(server.HttpUrl()))), Lost::Cause::kReset);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlFailureTest, AResetOverTlsMeansLost) {
  Server server(Tls(), [](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Reset();
  });
  EXPECT_EQ(WhyLost(MakeTransport()->Post(Request(server.HttpsUrl()))), Lost::Cause::kReset);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlFailureTest, AnEmptyAnswerOverTlsMeansLost) {
  Server server(Tls(), [](Connection& connection) { (void)connection.ReadRequest(); });
  EXPECT_EQ(WhyLost(MakeTransport()->Post(Request(server.HttpsUrl()))), Lost::Cause::kEmpty);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlFailureTest, AnAnswerThatDoesNotComeMeansLost) {
  Server server([](Connection& connection) { connection.WaitForClose(); });
  const auto transport = MakeTransport({.total_timeout = absl::Seconds(1)});
  EXPECT_EQ(WhyLost(transport->Post(Request(server.HttpUrl()))), Lost::Cause::kTimeout);
}

TEST_F(CurlFailureTest, AnAnswerThatStopsInItsHeadersMeansLost) {
  Server server([](Connection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nX-He");
    connection.WaitForClose();
  });
  const auto transport = MakeTransport({.total_timeout = absl::Seconds(1)});
  EXPECT_EQ(WhyLost(transport->Post(Request(server.HttpUrl()))), Lost::Cause::kTimeout);
}

TEST_F(CurlFailureTest, KeepsWhatCameOfABodyCutShort) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"refresh_token\":");
  });
  const HttpOutcome outcome = MakeTransport()->Post(Request(server.HttpUrl()));
  ASSERT_EQ(WhyLost(outcome), Lost::Cause::kTruncated);
  EXPECT_EQ(std::get<Lost>(outcome).status, 200);
  EXPECT_EQ(std::get<Lost>(outcome).partial_body.Reveal(), "{\"refresh_token\":");
}

TEST_F(CurlFailureTest, AChunkedBodyWithoutItsLastChunkIsCutShort) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n");
  });
  EXPECT_EQ(WhyLost(MakeTransport()->Post(Request(server.HttpUrl()))), Lost::Cause::kTruncated);
}

TEST_F(CurlFailureTest, WhatIsNotHttpMeansLost) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write("+OK POP3 ready\r\n");
  });
  (void)WhyLost(MakeTransport()->Post(Request(server.HttpUrl())));
}

class CurlProxyTest : public TransportTest {
 protected:
  ~CurlProxyTest() override {
    unsetenv("https_proxy");
    unsetenv("http_proxy");
  }
};

TEST_F(CurlProxyTest, AProxyThatRefusesMeansNotSent) {
  std::string received;
  {
    Server proxy([&](Connection& connection) {
      received = connection.Read();
      connection.Write(HttpAnswer("403 Forbidden", "no"));
    });
    setenv("https_proxy", proxy.HttpUrl().c_str(), 1);
    EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request("https://provider.invalid/token"))),
              NotSent::Cause::kProxy);
  }
  EXPECT_THAT(received, StartsWith("CONNECT provider.invalid:443 HTTP/1.1\r\n"));
}

TEST_F(CurlProxyTest, PlaintextNeverGoesToAProxy) {
  Server proxy(AnswerOk);
  Server server(AnswerOk);
  setenv("http_proxy", proxy.HttpUrl().c_str(), 1);
  EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpUrl()))).status, 200);
  EXPECT_EQ(proxy.accepted(), 0);
}

}  // namespace
}  // namespace token_service::http
