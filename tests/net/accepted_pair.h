#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>

namespace token_service::net {

// A TCP connection over loopback, or one of unix sockets, with both of its ends. `accept4` has
// given out the server's.
class AcceptedPair {
 public:
  explicit AcceptedPair(int family = AF_INET) {
    const int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage address{};
    address.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    // Of a unix socket the kernel makes up an abstract name.
    EXPECT_EQ(bind(listener, generic,
                   family == AF_INET ? static_cast<socklen_t>(sizeof(sockaddr_in))
                                     : static_cast<socklen_t>(sizeof(sa_family_t))),
              0);
    EXPECT_EQ(listen(listener, 1), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(getsockname(listener, generic, &size), 0);
    client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(client, generic, size), 0);
    server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    close(listener);
  }
  ~AcceptedPair() {
    close(client);
    close(server);
  }
  AcceptedPair(const AcceptedPair&) = delete;
  AcceptedPair& operator=(const AcceptedPair&) = delete;

  int client = -1;
  int server = -1;
};

}  // namespace token_service::net
