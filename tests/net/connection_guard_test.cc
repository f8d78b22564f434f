#include "server/net/connection_guard.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

namespace token_service::net {
namespace {

// ---- who

ConnectionTraffic At(int fd, uint64_t received, uint64_t sent, uint64_t cookie = 7) {
  return {.fd = fd, .cookie = cookie, .received = received, .sent = sent};
}

std::vector<ConnectionTraffic> WhoOnlySends(const std::vector<ConnectionTraffic>& before,
                                            const std::vector<ConnectionTraffic>& now) {
  return net::WhoOnlySends(before, now, MostThatWaits(1000));
}

TEST(WhoOnlySendsTest, IsWhoSendsMuchAndWaitsForNothing) {
  const auto found = WhoOnlySends({At(3, 1000, 1000, 7), At(4, 1000, 1000, 8)},
                                  {At(3, 1'000'000, 1100, 7), At(4, 1000, 1000, 8)});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].fd, 3);
}

TEST(WhoOnlySendsTest, IsNobodyWhoIsAnswered) {
  EXPECT_TRUE(WhoOnlySends({At(3, 0, 0)}, {At(3, 6'400'000, 100'000)}).empty());
}

TEST(WhoOnlySendsTest, IsNobodyWhoSendsLittle) {
  EXPECT_TRUE(WhoOnlySends({At(3, 5, 0)}, {At(3, 262'148, 0)}).empty());
}

TEST(WhoOnlySendsTest, IsNobodyWhoseCallsMayAllWait) {
  EXPECT_EQ(MostThatWaits(10'000), 2'560'000u);
  EXPECT_TRUE(net::WhoOnlySends({}, {At(3, 1'000'000, 0)}, MostThatWaits(10'000)).empty());
}

TEST(WhoOnlySendsTest, OfANewConnectionEverythingCounts) {
  EXPECT_EQ(WhoOnlySends({}, {At(3, 262'144, 0)}).size(), 1u);
  EXPECT_TRUE(WhoOnlySends({}, {At(3, 262'143, 0)}).empty());
  // The number was another's.
  EXPECT_EQ(WhoOnlySends({At(3, 262'000, 0, 7)}, {At(3, 262'144, 0, 8)}).size(), 1u);
}

// ---- when

TEST(GrowthWatchTest, MemoryThatIsThereFromTheBeginningDoesNotGrow) {
  GrowthWatch watch;
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(watch.Grows(uint64_t{4} << 30));
}

TEST(GrowthWatchTest, GrowthWithinTenSecondsIsSeen) {
  GrowthWatch watch;
  EXPECT_FALSE(watch.Grows(100 << 20));
  EXPECT_FALSE(watch.Grows(164 << 20));
  EXPECT_TRUE(watch.Grows((164 << 20) + 1));
}

TEST(GrowthWatchTest, SlowGrowthIsNot) {
  GrowthWatch watch;
  for (uint64_t i = 1; i < 1000; ++i) EXPECT_FALSE(watch.Grows(i * (600 << 10)));
}

// ---- how

class Pair {
 public:
  Pair() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener, generic, size), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    EXPECT_EQ(getsockname(listener, generic, &size), 0);
    port = ntohs(address.sin_port);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(client, generic, size), 0);
    server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    close(listener);
  }
  ~Pair() {
    close(client);
    close(server);
  }

  uint16_t port = 0;
  int client = -1;
  int server = -1;
};

TEST(AbortConnectionTest, TrafficIsCountedAtItsPortOnly) {
  const Pair pair;
  ASSERT_EQ(send(pair.client, "12345", 5, 0), 5);
  char byte = 0;
  ASSERT_EQ(recv(pair.server, &byte, 1, 0), 1);
  const auto all = TrafficAt({pair.port});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].fd, pair.server);
  EXPECT_EQ(all[0].received, 5u);
  EXPECT_EQ(all[0].sent, 0u);
  EXPECT_TRUE(TrafficAt({}).empty());
}

TEST(AbortConnectionTest, BothSidesHearOfItAndWhatWasSentIsDropped) {
  const Pair pair;
  ASSERT_EQ(send(pair.client, "12345", 5, 0), 5);
  const auto all = TrafficAt({pair.port});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(AbortConnection(all[0]));
  char byte = 0;
  EXPECT_EQ(recv(pair.server, &byte, 1, 0), -1);
  EXPECT_EQ(recv(pair.client, &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(AbortConnectionTest, ANumberThatIsAnothersByNowIsLeftAlone) {
  const Pair pair;
  auto other = TrafficAt({pair.port}).at(0);
  ++other.cookie;
  EXPECT_FALSE(AbortConnection(other));
  ASSERT_EQ(send(pair.client, "1", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(recv(pair.server, &byte, 1, 0), 1);
}

}  // namespace
}  // namespace token_service::net
