#include "server/http/curl_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/http/transport_fixture.h"

namespace token_service::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using token_service::testing::HttpAnswer;

using CurlTransportTest = TransportTest;

TEST_F(CurlTransportTest, ReturnsStatusAndBody) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write(HttpAnswer("418 Teapot", R"({"error":"x"})"));
  });
  const HttpResponse response = Response(MakeTransport()->Post(Request(server.HttpUrl())));
  EXPECT_EQ(response.status, 418);
  EXPECT_EQ(response.body.Reveal(), R"({"error":"x"})");
  EXPECT_FALSE(response.retry_after.has_value());
}

TEST_F(CurlTransportTest, SendsTheRequestByteForByte) {
  std::string body;
  for (int i = 0; i < 5000; ++i) body += static_cast<char>(i % 256);
  std::string received;
  {
    Server server([&](Connection& connection) {
      received = connection.ReadRequest();
      connection.Write(HttpAnswer("200 OK", "{}"));
    });
    HttpRequest request = Request(server.HttpUrl(), body);
    request.authorization = Secret(std::string_view("Basic YTpi"));
    (void)Response(MakeTransport()->Post(request));
  }
  EXPECT_THAT(received, StartsWith("POST /token HTTP/1.1\r\n"));
  EXPECT_THAT(received, EndsWith("\r\n\r\n" + body));
  EXPECT_THAT(received, HasSubstr("\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
  EXPECT_THAT(received, HasSubstr("\r\nAccept: application/json\r\n"));
  EXPECT_THAT(received, HasSubstr("\r\nAuthorization: Basic YTpi\r\n"));
}

TEST_F(CurlTransportTest, SendsNothingThatWasNotAskedFor) {
  std::string received;
  {
    Server server([&](Connection& connection) {
      received = connection.ReadRequest();
      connection.Write(HttpAnswer("200 OK", "{}", "Set-Cookie: a=b\r\n"));
    });
    // Large enough for libcurl to ask for leave to send it.
    const auto transport = MakeTransport();
    (void)Response(transport->Post(Request(server.HttpUrl(), std::string(2'000'000, 'x'))));
    (void)Response(transport->Post(Request(server.HttpUrl(), std::string(2'000'000, 'x'))));
  }
  EXPECT_THAT(received, Not(HasSubstr("Expect:")));
  EXPECT_THAT(received, Not(HasSubstr("Authorization:")));
  EXPECT_THAT(received, Not(HasSubstr("Cookie:")));
  EXPECT_THAT(received, Not(HasSubstr("Upgrade:")));
}

TEST_F(CurlTransportTest, SendsAnEmptyBody) {
  std::string received;
  {
    Server server([&](Connection& connection) {
      received = connection.ReadRequest();
      connection.Write(HttpAnswer("200 OK", "{}"));
    });
    (void)Response(MakeTransport()->Post(Request(server.HttpUrl(), "")));
  }
  EXPECT_THAT(received, HasSubstr("\r\nContent-Length: 0\r\n"));
}

TEST_F(CurlTransportTest, RefusesAHeaderWithALineEnd) {
  Server server(AnswerOk);
  HttpRequest request = Request(server.HttpUrl());
  request.headers.push_back({"X-Injected", "a\r\nX-More: b"});
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(request)), NotSent::Cause::kOther);
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(CurlTransportTest, NeverFollowsARedirect) {
  Server elsewhere(AnswerOk);
  for (const char* status :
       {"301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"}) {
    Server server([&](Connection& connection) {
      (void)connection.ReadRequest();
      connection.Write(HttpAnswer(status, "", "Location: " + elsewhere.HttpUrl() + "\r\n"));
    });
    EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpUrl()))).status,
              std::stoi(std::string(status)));
  }
  EXPECT_EQ(elsewhere.accepted(), 0);
}

TEST_F(CurlTransportTest, UsesAFreshConnectionForEachPost) {
  Server server([](Connection& connection) {
    // Keeps the connection open for more, as HTTP/1.1 allows.
    AnswerOk(connection);
    connection.WaitForClose();
  });
  const auto transport = MakeTransport();
  for (int i = 0; i < 3; ++i) (void)Response(transport->Post(Request(server.HttpUrl())));
  EXPECT_EQ(server.accepted(), 3);
}

TEST_F(CurlTransportTest, ReadsAChunkedBody) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.Write("5\r\n{\"a\":\r\n3\r\n1}\n\r\n0\r\n\r\n");
  });
  EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpUrl()))).body.Reveal(),
            "{\"a\":1}\n");
}

TEST_F(CurlTransportTest, ReadsABodyThatEndsWithTheConnection) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\n\r\n{}");
  });
  EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpUrl()))).body.Reveal(), "{}");
}

TEST_F(CurlTransportTest, ReadsRetryAfterByItsClock) {
  // FakeClock starts at Tue, 14 Nov 2023 22:13:20 GMT.
  for (const char* value : {"25", "Tue, 14 Nov 2023 22:13:45 GMT"}) {
    Server server([&](Connection& connection) {
      (void)connection.ReadRequest();
      connection.Write(HttpAnswer("503 Busy", "", std::string("retry-after: ") + value + "\r\n"));
    });
    EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpUrl()))).retry_after,
              absl::Seconds(25))
        << value;
  }
}

TEST_F(CurlTransportTest, TakesABodyOfExactlyTheLimit) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write(HttpAnswer("200 OK", std::string(64 * 1024, 'x')));
  });
  EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpUrl()))).body.size(), 64u * 1024);
}

TEST_F(CurlTransportTest, StopsReadingABodyPastTheLimit) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write(HttpAnswer("200 OK", "tokens" + std::string(64 * 1024, 'x')));
  });
  const HttpOutcome outcome = MakeTransport()->Post(Request(server.HttpUrl()));
  ASSERT_TRUE(std::holds_alternative<TooLarge>(outcome));
  EXPECT_EQ(std::get<TooLarge>(outcome).status, 200);
  EXPECT_EQ(std::get<TooLarge>(outcome).beginning.Reveal(),
            "tokens" + std::string(64 * 1024 - 6, 'x'));
}

TEST_F(CurlTransportTest, StopsReadingABodyWithoutEnd) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    while (connection.Write(std::string(16 * 1024, 'x'))) {
    }
  });
  const HttpOutcome outcome = MakeTransport()->Post(Request(server.HttpUrl()));
  ASSERT_TRUE(std::holds_alternative<TooLarge>(outcome));
  EXPECT_EQ(std::get<TooLarge>(outcome).status, 502);
}

TEST_F(CurlTransportTest, ReadsTheBodyBehindManyHeaders) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n";
    for (int i = 0; i < 100; ++i) head += "X-Header: " + std::string(1000, 'x') + "\r\n";
    connection.Write(head + "\r\ntokens");
  });
  EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpUrl()))).body.Reveal(), "tokens");
}

TEST_F(CurlTransportTest, StopsReadingHeadersWithoutEnd) {
  Server server([](Connection& connection) {
    (void)connection.ReadRequest();
    connection.Write("HTTP/1.1 200 OK\r\n");
    while (connection.Write("X-Header: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  EXPECT_TRUE(std::holds_alternative<TooLarge>(MakeTransport()->Post(Request(server.HttpUrl()))));
}

TEST_F(CurlTransportTest, ServesSeveralThreadsAtOnce) {
  Server server(Tls(), AnswerOk);
  const auto transport = MakeTransport();
  std::vector<int> statuses(8);
  std::vector<std::thread> threads;
  for (int& status : statuses) {
    threads.emplace_back([&] {
      for (int i = 0; i < 4; ++i) {
        status = Response(transport->Post(Request(server.HttpsUrl()))).status;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(statuses, ::testing::Each(200));
  EXPECT_EQ(server.accepted(), 32);
}

}  // namespace
}  // namespace token_service::http
