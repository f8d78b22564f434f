#include "server/posix/acceptor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "tests/testing/temp_dir.h"

namespace token_service::posix {
namespace {

using testing::TempDir;

constexpr auto kWhose = Acceptor::Whose::kCallers;
constexpr absl::Duration kPatience = absl::Seconds(20);

FileDescriptor Connect(const std::string& address) {
  FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) return {};
  return fd;
}

TEST(AcceptorTest, WhoCameBeforeTheStartIsAcceptedAfterIt) {
  auto sockets = ListeningSockets::OnTcp("127.0.0.1", 0);
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  absl::Notification came;
  Acceptor acceptor(kWhose, *std::move(sockets),
                    {.on_connection = [&](FileDescriptor connection, int) {
                      EXPECT_TRUE(connection.valid());
                      came.Notify();
                    }});
  const FileDescriptor early = Connect(acceptor.address());
  EXPECT_TRUE(early.valid());
  EXPECT_FALSE(came.HasBeenNotified());
  acceptor.Start();
  EXPECT_TRUE(came.WaitForNotificationWithTimeout(kPatience));
}

TEST(AcceptorTest, AfterStopNobodyListens) {
  auto sockets = ListeningSockets::OnTcp("127.0.0.1", 0);
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  const std::string address = sockets->address();
  Acceptor acceptor(kWhose, *std::move(sockets), {.on_connection = [](FileDescriptor, int) {}});
  acceptor.Start();
  EXPECT_TRUE(Connect(address).valid());
  acceptor.Stop();
  EXPECT_FALSE(Connect(address).valid());
}

TEST(AcceptorTest, AUnixSocketThatWasRemovedIsMadeAnewAndThatIsTold) {
  const TempDir dir;
  auto sockets = ListeningSockets::OnUnix(dir.File("s"), 0600);
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  absl::Notification told;
  Acceptor acceptor(kWhose, *std::move(sockets),
                    {.on_connection = [](FileDescriptor, int) {},
                     .on_change =
                         [&](UnixSocket::Place found, const absl::Status& made) {
                           EXPECT_EQ(found, UnixSocket::Place::kEmpty);
                           EXPECT_TRUE(made.ok()) << made;
                           told.Notify();
                         }});
  ASSERT_TRUE(acceptor.Publish().ok());
  acceptor.Start();
  std::filesystem::remove(dir.File("s"));
  EXPECT_TRUE(told.WaitForNotificationWithTimeout(kPatience));
  EXPECT_TRUE(std::filesystem::is_socket(dir.File("s")));
}

}  // namespace
}  // namespace token_service::posix
