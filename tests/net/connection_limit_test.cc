#include "server/net/connection_limit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace token_service::net {
namespace {

// As gRPC does it: a listener that does not block.
class ConnectionLimitTest : public ::testing::Test {
 protected:
  ConnectionLimitTest() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, Address(), sizeof(address_)), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    socklen_t size = sizeof(address_);
    EXPECT_EQ(getsockname(listener_, Address(), &size), 0);
  }
  ~ConnectionLimitTest() override {
    for (const int fd : open_) close(fd);
    close(listener_);
  }

  int Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, Address(), sizeof(address_)), 0);
    open_.push_back(fd);
    return fd;
  }
  int Accept() { return accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }
  // The server has hung up.
  static bool HungUp(int fd) {
    char byte = 0;
    return recv(fd, &byte, 1, 0) <= 0;
  }

  int listener_ = -1;
  sockaddr_in address_{};
  std::vector<int> open_;

 private:
  sockaddr* Address() { return reinterpret_cast<sockaddr*>(&address_); }
};

TEST_F(ConnectionLimitTest, OneTooManyIsClosedAndTheNextIsTakenWhenThereIsRoom) {
  ASSERT_EQ(LimitConnections(10), 10);
  const uint64_t before = RefusedConnections();
  std::vector<int> accepted;
  while (RefusedConnections() == before) {
    ASSERT_LT(accepted.size(), 200u);
    const int client = Connect();
    const int fd = Accept();
    if (fd >= 0) {
      accepted.push_back(fd);
    } else {
      EXPECT_EQ(errno, EAGAIN);
      EXPECT_TRUE(HungUp(client));
    }
  }
  EXPECT_GE(accepted.size(), 10u);
  for (const int fd : accepted) close(fd);
  for (const int fd : open_) close(fd);
  open_.clear();
  Connect();
  const int fd = Accept();
  EXPECT_GE(fd, 0);
  close(fd);
}

TEST_F(ConnectionLimitTest, WithoutAnyFileLeftTheNewcomerIsTurnedAway) {
  LimitConnections(0);
  const int client = Connect();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit lower{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  std::vector<int> used;
  for (int fd = open("/dev/null", O_RDONLY); fd >= 0; fd = open("/dev/null", O_RDONLY)) {
    used.push_back(fd);
  }
  ASSERT_EQ(errno, EMFILE);

  EXPECT_EQ(Accept(), -1);
  EXPECT_EQ(errno, EAGAIN) << "gRPC would never listen again after EMFILE";
  EXPECT_TRUE(HungUp(client));

  for (const int fd : used) close(fd);
  setrlimit(RLIMIT_NOFILE, &before);
  Connect();
  const int fd = Accept();
  EXPECT_GE(fd, 0);
  close(fd);
}

}  // namespace
}  // namespace token_service::net
