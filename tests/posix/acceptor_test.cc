#include "server/posix/acceptor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "tests/testing/temp_dir.h"

namespace token_service::posix {
namespace {

using testing::TempDir;

// What accept() says before it works again.
std::atomic<int> g_accept_error = 0;

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
  acceptor.Start();
  EXPECT_FALSE(came.HasBeenNotified());
  acceptor.Accept();
  EXPECT_TRUE(came.WaitForNotificationWithTimeout(kPatience));
}

// The whole machine may have too many files open for a moment, and a peer may have left.
TEST(AcceptorTest, GoesOnAfterAnErrorOfTheSystems) {
  for (const Acceptor::Whose whose : {Acceptor::Whose::kCallers, Acceptor::Whose::kOperators}) {
    for (const int error : {ENFILE, EMFILE, ECONNABORTED, ENOBUFS, EPROTO, EINTR}) {
      auto sockets = ListeningSockets::OnTcp("127.0.0.1", 0);
      ASSERT_TRUE(sockets.ok()) << sockets.status();
      absl::Notification came;
      Acceptor acceptor(whose, *std::move(sockets),
                        {.on_connection = [&](FileDescriptor, int) { came.Notify(); }});
      g_accept_error.store(error);
      acceptor.Start();
      acceptor.Accept();
      const FileDescriptor connection = Connect(acceptor.address());
      EXPECT_TRUE(came.WaitForNotificationWithTimeout(kPatience)) << strerror(error);
      EXPECT_EQ(g_accept_error.load(), 0);
    }
  }
}

TEST(AcceptorTest, AfterStopNobodyListens) {
  auto sockets = ListeningSockets::OnTcp("127.0.0.1", 0);
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  const std::string address = sockets->address();
  Acceptor acceptor(kWhose, *std::move(sockets), {.on_connection = [](FileDescriptor, int) {}});
  acceptor.Start();
  acceptor.Accept();
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
  acceptor.Accept();
  std::filesystem::remove(dir.File("s"));
  EXPECT_TRUE(told.WaitForNotificationWithTimeout(kPatience));
  EXPECT_TRUE(std::filesystem::is_socket(dir.File("s")));
}

}  // namespace

int Fault() { return g_accept_error.exchange(0); }

}  // namespace token_service::posix

// Instead of the C library's, for this program.
extern "C" int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if ((errno = token_service::posix::Fault()) != 0) return -1;
  return static_cast<int>(syscall(SYS_accept4, fd, address, length, flags));
}

extern "C" int accept(int fd, sockaddr* address, socklen_t* length) {
  return accept4(fd, address, length, 0);
}
