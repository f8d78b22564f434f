#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/http/transport_fixture.h"

namespace token_service::http {
namespace {

using ::testing::ElementsAre;
using token_service::testing::TestAuthority;

using CurlTlsTest = TransportTest;

TEST_F(CurlTlsTest, TrustsTheGivenAuthority) {
  Server server(Tls(), AnswerOk);
  EXPECT_EQ(Response(MakeTransport()->Post(Request(server.HttpsUrl()))).status, 200);
}

TEST_F(CurlTlsTest, DoesNotTrustAnotherAuthority) {
  const TestAuthority another;
  Server server({.identity = another.Issue("localhost")}, AnswerOk);
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(server.HttpsUrl()))),
            NotSent::Cause::kUnknownIssuer);
}

TEST_F(CurlTlsTest, DoesNotTrustAnAuthorityTheSystemDoesNotKnow) {
  Server server(Tls(), AnswerOk);
  HttpRequest request = Request(server.HttpsUrl());
  request.ca_file.clear();
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(request)), NotSent::Cause::kUnknownIssuer);
}

TEST_F(CurlTlsTest, WantsTheHostsOwnName) {
  Server server(Tls("other.test"), AnswerOk);
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(server.HttpsUrl()))),
            NotSent::Cause::kHostName);
}

TEST_F(CurlTlsTest, WantsACertificateThatIsStillGood) {
  Server server(Tls("localhost", -60), AnswerOk);
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(server.HttpsUrl()))),
            NotSent::Cause::kExpired);
}

TEST_F(CurlTlsTest, SendsNothingWithoutTheAuthoritysFile) {
  Server server(Tls(), AnswerOk);
  HttpRequest request = Request(server.HttpsUrl());
  request.ca_file = "/nonexistent/ca.pem";
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(request)), NotSent::Cause::kNoRoots);
}

TEST_F(CurlTlsTest, SendsNothingToAServerWithoutTls) {
  Server server([](Connection& connection) { connection.Write("HTTP/1.1 400 Bad\r\n\r\n"); });
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(server.HttpsUrl()))), NotSent::Cause::kTls);
}

TEST_F(CurlTlsTest, SendsNothingWhenTheHandshakeIsBrokenOff) {
  Server server([](Connection& connection) { (void)connection.Read(); });
  EXPECT_EQ(WhyNotSent(MakeTransport()->Post(Request(server.HttpsUrl()))), NotSent::Cause::kTls);
}

TEST_F(CurlTlsTest, SendsNothingWhenTheHandshakeHangs) {
  Server::Tls tls = Tls();
  tls.hang_in_handshake = true;
  Server server(std::move(tls), AnswerOk);
  const auto transport = MakeTransport({.connect_timeout = absl::Milliseconds(300)});
  EXPECT_EQ(WhyNotSent(transport->Post(Request(server.HttpsUrl()))), NotSent::Cause::kTimeout);
}

TEST_F(CurlTlsTest, SendsNothingWhenTheTotalTimeIsUpInTheHandshake) {
  Server::Tls tls = Tls();
  tls.hang_in_handshake = true;
  Server server(std::move(tls), AnswerOk);
  const auto transport = MakeTransport({.total_timeout = absl::Milliseconds(300)});
  EXPECT_EQ(WhyNotSent(transport->Post(Request(server.HttpsUrl()))), NotSent::Cause::kTimeout);
}

TEST_F(CurlTlsTest, ResumesTheSessionOnAFreshConnection) {
  Server server(Tls(), AnswerOk);
  const auto transport = MakeTransport();
  (void)Response(transport->Post(Request(server.HttpsUrl())));
  (void)Response(transport->Post(Request(server.HttpsUrl())));
  EXPECT_THAT(server.resumed(), ElementsAre(false, true));
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(CurlTlsTest, ResumesNoSessionThatAnotherAuthorityVouchedFor) {
  Server server(Tls(), AnswerOk);
  const auto transport = MakeTransport();
  (void)Response(transport->Post(Request(server.HttpsUrl())));
  const TestAuthority another;
  HttpRequest request = Request(server.HttpsUrl());
  request.ca_file = another.file();
  EXPECT_EQ(WhyNotSent(transport->Post(request)), NotSent::Cause::kUnknownIssuer);
}

// HTTP/2 by hand (RFC 9113 section 4.1): what a client sends until its request is whole.
constexpr unsigned char kData = 0, kHeaders = 1, kResetStream = 3, kSettings = 4;
constexpr unsigned char kEndStream = 1, kEndHeaders = 4;

std::string Frame(unsigned char type, unsigned char flags, int stream, std::string_view payload) {
  const size_t size = payload.size();
  std::string frame = {static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8),
                       static_cast<char>(size),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       0,
                       0,
                       0,
                       static_cast<char>(stream)};
  return frame.append(payload);
}

// The payload of the request's DATA frames; nullopt if the connection ended first.
std::optional<std::string> ReadHttp2Request(token_service::testing::TestConnection& connection) {
  constexpr size_t kPrefaceSize = 24;
  connection.Write(Frame(kSettings, 0, 0, ""));
  connection.ReadExactly(kPrefaceSize);
  std::string body;
  while (true) {
    const std::string head = connection.ReadExactly(9);
    if (head.size() < 9) return std::nullopt;
    const auto byte = [&head](size_t i) { return static_cast<unsigned char>(head[i]); };
    const std::string payload = connection.ReadExactly(byte(0) * 65536u + byte(1) * 256u + byte(2));
    if (byte(3) == kData) body += payload;
    if ((byte(3) == kData || byte(3) == kHeaders) && (byte(4) & kEndStream) != 0) return body;
  }
}

TEST_F(CurlTlsTest, SpeaksHttp2WhenTheServerOffersIt) {
  std::optional<std::string> received;
  {
    Server::Tls tls = Tls();
    tls.http2 = true;
    Server server(std::move(tls), [&](Connection& connection) {
      if (!connection.speaks_http2()) return;
      received = ReadHttp2Request(connection);
      // ":status: 200" is entry 8 of HPACK's static table.
      connection.Write(Frame(kHeaders, kEndHeaders, 1, "\x88"));
      connection.Write(Frame(kData, kEndStream, 1, "{}"));
      connection.WaitForClose();
    });
    const HttpResponse response = Response(MakeTransport()->Post(Request(server.HttpsUrl())));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body.Reveal(), "{}");
  }
  EXPECT_EQ(received, "a=b");
}

// libcurl would try again after these two on its own.
TEST_F(CurlTlsTest, SendsAPostOnceWhenItsStreamIsRefused) {
  constexpr std::string_view kRefusedStream("\0\0\0\x07", 4);
  constexpr std::string_view kHttp11Required("\0\0\0\x0d", 4);
  for (const std::string_view code : {kRefusedStream, kHttp11Required}) {
    int posts = 0;
    {
      Server::Tls tls = Tls();
      tls.http2 = true;
      Server server(std::move(tls), [&](Connection& connection) {
        const bool whole = connection.speaks_http2() ? ReadHttp2Request(connection).has_value()
                                                     : !connection.ReadRequest().empty();
        if (whole) ++posts;
        connection.Write(Frame(kResetStream, 0, 1, code));
        connection.WaitForClose();
      });
      (void)WhyLost(MakeTransport()->Post(Request(server.HttpsUrl())));
    }
    EXPECT_EQ(posts, 1);
  }
}

}  // namespace
}  // namespace token_service::http
