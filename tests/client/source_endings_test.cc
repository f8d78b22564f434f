// How a process ends while its last call credentials go: each test runs in a process of its own.

#include "client/grpc/source_endings.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "token_service/call_credentials.h"

namespace token_service::client {
namespace {

// A server that takes connections and never says anything, so that a call to it is under way for as
// long as its source lives.
std::string SilentServer() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, any, size) != 0 || listen(listener, 8) != 0 ||
      getsockname(listener, any, &size) != 0) {
    std::abort();
  }
  return absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
}

// Tells that nothing of the source is left.
using Trace = std::shared_ptr<void>;

std::shared_ptr<TokenSource> OpenWith(Trace trace) {
  TokenSourceOptions options;
  options.channel.server = SilentServer();
  options.on_change = [trace = std::move(trace)](const TokenOrError&) {};
  return *TokenSource::Open(options);
}

class SourceEndingsTest : public ::testing::Test {
 protected:
  SourceEndingsTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Never destroyed, since processes end here while others look at it.
struct Progress {
  absl::Notification ending;   // The source is being ended; gRPC comes to that in its own time.
  absl::Notification exiting;  // So is the process.
};
Progress& TheProgress() {
  static auto* const progress = new Progress;
  return *progress;
}

void DropTheLastCredentials() {
  MakeCallCredentials(OpenWith(Trace(nullptr, [](void*) {
    TheProgress().ending.Notify();
    TheProgress().exiting.WaitForNotification();
    std::fputs("the source has ended", stderr);
  })));
  TheProgress().ending.WaitForNotification();
}

void ExitWhileTheLastCredentialsGo() {
  DropTheLastCredentials();
  // Before whatever waits for it.
  std::atexit([] { TheProgress().exiting.Notify(); });
  std::exit(0);
}

TEST_F(SourceEndingsTest, TheProcessDoesNotEndBeforeASourceThatIsBeingEnded) {
  EXPECT_EXIT(ExitWhileTheLastCredentialsGo(), ::testing::ExitedWithCode(0),
              "the source has ended");
}

void ExitWithCredentialsInAStatic() {
  static std::shared_ptr<grpc::CallCredentials> credentials;
  credentials = MakeCallCredentials(OpenWith(nullptr));
  std::exit(0);
}

TEST_F(SourceEndingsTest, CredentialsMayOutliveTheWait) {
  EXPECT_EXIT(ExitWithCredentialsInAStatic(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace token_service::client
