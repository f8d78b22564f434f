// Every fault seen from the client's end of a real socket.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/sandbox/sandbox_server.h"

namespace token_service::sandbox {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A TCP connection to loopback, byte by byte.
class RawClient {
 public:
  RawClient(int port, const std::string& request) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::send(fd_, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // Appends what comes next to `received`. 0: the server closed; otherwise errno.
  bool ReadSome() {
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
    end = got == 0 ? 0 : errno;
    if (got <= 0) return false;
    received.append(buffer, static_cast<size_t>(got));
    return true;
  }
  void ReadToEnd() {
    while (ReadSome()) {
    }
  }
  bool SomethingToRead() const {
    pollfd poll_fd = {fd_, POLLIN, 0};
    return ::poll(&poll_fd, 1, 0) > 0;
  }

  std::string Body() const {
    const size_t blank = received.find("\r\n\r\n");
    return blank == std::string::npos ? "" : received.substr(blank + 4);
  }
  size_t PromisedLength() const {
    const size_t at = received.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(received.substr(at + 16));
  }

  std::string received;
  int end = -1;

 private:
  const int fd_;
};

class SandboxFaultsTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(Fault::kNone); }

  void Start(Fault fault) {
    server_.reset();
    absl::StatusOr<std::unique_ptr<SandboxServer>> server =
        SandboxServer::Create({.mishap = {.fault = fault, .retry_after = absl::Seconds(7)}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    refresh_token_ = server_->authority().Mint("demo");
  }

  std::string TokenRequest() const {
    const std::string body = absl::StrCat(
        "grant_type=refresh_token&client_id=sandbox&refresh_token=",
        absl::StrReplaceAll(refresh_token_, {{"+", "%2B"}, {"/", "%2F"}, {"=", "%3D"}}));
    return absl::StrCat(
        "POST /token HTTP/1.1\r\nHost: sandbox\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\nContent-Length: ",
        body.size(), "\r\n\r\n", body);
  }

  RawClient Send() const { return RawClient(server_->port(), TokenRequest()); }

  bool Spent() const { return server_->authority().Stats().credentials.at(0).rotations == 1; }

  std::unique_ptr<SandboxServer> server_;
  std::string refresh_token_;
};

TEST_F(SandboxFaultsTest, None) {
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(client.Body().size(), client.PromisedLength());
  EXPECT_TRUE(Json::accept(client.Body()));
  EXPECT_EQ(client.end, 0);
}

TEST_F(SandboxFaultsTest, Refuse5xxBefore) {
  Start(Fault::kRefuse5xxBefore);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 503"));
  EXPECT_FALSE(Spent());
}

TEST_F(SandboxFaultsTest, Error500AfterRotating) {
  Start(Fault::kError500AfterRotating);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 500"));
  EXPECT_TRUE(Spent());
}

TEST_F(SandboxFaultsTest, ResetBefore) {
  Start(Fault::kResetBefore);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_EQ(client.received, "");
  EXPECT_EQ(client.end, ECONNRESET);
  EXPECT_FALSE(Spent());
}

TEST_F(SandboxFaultsTest, ResetAfterRotating) {
  Start(Fault::kResetAfterRotating);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_EQ(client.received, "");
  EXPECT_EQ(client.end, ECONNRESET);
  EXPECT_TRUE(Spent());
}

TEST_F(SandboxFaultsTest, CloseAfterRotating) {
  Start(Fault::kCloseAfterRotating);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_EQ(client.received, "");
  EXPECT_EQ(client.end, 0);
  EXPECT_TRUE(Spent());
}

// That nothing comes is seen by what comes in its stead: the server must be told to stop to end the
// connection.
TEST_F(SandboxFaultsTest, Hang) {
  Start(Fault::kHang);
  RawClient client = Send();
  while (server_->authority().Stats().token_requests == 0) std::this_thread::yield();
  EXPECT_FALSE(client.SomethingToRead());
  EXPECT_FALSE(Spent());
  server_.reset();
  client.ReadToEnd();
  EXPECT_EQ(client.received, "");
}

TEST_F(SandboxFaultsTest, HangAfterRotating) {
  Start(Fault::kHangAfterRotating);
  RawClient client = Send();
  while (!Spent()) std::this_thread::yield();
  EXPECT_FALSE(client.SomethingToRead());
  server_.reset();
  client.ReadToEnd();
  EXPECT_EQ(client.received, "");
}

TEST_F(SandboxFaultsTest, Truncate) {
  Start(Fault::kTruncate);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
  EXPECT_GT(client.PromisedLength(), 100u);
  EXPECT_EQ(client.Body().size(), client.PromisedLength() / 2);
  EXPECT_TRUE(Spent());
}

TEST_F(SandboxFaultsTest, Garbage) {
  Start(Fault::kGarbage);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
  EXPECT_FALSE(Json::accept(client.Body()));
  EXPECT_THAT(client.Body(), HasSubstr("\"refresh_token\""));
  EXPECT_EQ(client.Body().size(), client.PromisedLength());
  EXPECT_TRUE(Spent());
}

TEST_F(SandboxFaultsTest, Html) {
  Start(Fault::kHtml);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.received, HasSubstr("Content-Type: text/html"));
  EXPECT_FALSE(Spent());
}

TEST_F(SandboxFaultsTest, Throttle) {
  Start(Fault::kThrottle);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(client.received, HasSubstr("Retry-After: 7\r\n"));
  EXPECT_FALSE(Spent());
}

TEST_F(SandboxFaultsTest, Empty) {
  Start(Fault::kEmpty);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.received, HasSubstr("Content-Length: 0\r\n"));
  EXPECT_EQ(client.Body(), "");
  EXPECT_TRUE(Spent());
}

TEST_F(SandboxFaultsTest, SlowBodyComesInPieces) {
  Start(Fault::kSlowBody);
  RawClient client = Send();
  int pieces = 0;
  while (client.Body().size() < 5 * 8 && client.ReadSome()) ++pieces;
  EXPECT_GE(pieces, 3);
  EXPECT_LT(client.Body().size(), client.PromisedLength());
  client.ReadToEnd();
  EXPECT_EQ(client.Body().size(), client.PromisedLength());
  EXPECT_TRUE(Json::accept(client.Body()));
}

TEST_F(SandboxFaultsTest, Oversized) {
  Start(Fault::kOversized);
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_GT(client.Body().size(), 64u * 1024);
  EXPECT_TRUE(Json::accept(client.Body()));
  EXPECT_TRUE(Spent());
}

TEST_F(SandboxFaultsTest, AnOrderedFaultHitsOneRequest) {
  const Json order = {{"fault", "throttle"}, {"count", 1}, {"retry_after", "3s"}};
  httplib::Client control("127.0.0.1", server_->port());
  ASSERT_EQ(control.Post("/sandbox/faults", order.dump(), "application/json")->status, 200);
  RawClient first = Send();
  first.ReadToEnd();
  EXPECT_THAT(first.received, HasSubstr("Retry-After: 3\r\n"));
  RawClient second = Send();
  second.ReadToEnd();
  EXPECT_THAT(second.received, StartsWith("HTTP/1.1 200"));
}

TEST_F(SandboxFaultsTest, ARefusalKeepsItsFaultToItself) {
  Start(Fault::kGarbage);
  server_->authority().Revoke("demo");
  RawClient client = Send();
  client.ReadToEnd();
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 400"));
  EXPECT_TRUE(Json::accept(client.Body()));
}

}  // namespace
}  // namespace token_service::sandbox
