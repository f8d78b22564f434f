#include "server/net/connection_guard.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/net/connection_limit.h"
#include "tests/net/accepted_pair.h"
#include "tests/net/frames.h"

namespace token_service::net {
namespace {

using Indices = std::vector<size_t>;

// ---- who holds too much

TEST(WhoHoldsTooMuchTest, IsNobodyWhereThereIsRoom) {
  EXPECT_EQ(WhoHoldsTooMuch({}, 0), Indices());
  EXPECT_EQ(WhoHoldsTooMuch({{.peer = "a", .bytes = 50}, {.peer = "b", .bytes = 50}}, 100),
            Indices());
}

TEST(WhoHoldsTooMuchTest, IsTheGreatestOfTheGreatestPeerAndNoMoreThanNeedBe) {
  // Of them all c's is the greatest, but b has two.
  EXPECT_EQ(WhoHoldsTooMuch({{.peer = "a", .bytes = 10},
                             {.peer = "b", .bytes = 30},
                             {.peer = "b", .bytes = 35},
                             {.peer = "c", .bytes = 40}},
                            100),
            Indices{2});
}

TEST(WhoHoldsTooMuchTest, APeerIsCutDownToWhatTheNextHolds) {
  EXPECT_EQ(WhoHoldsTooMuch({{.peer = "a", .bytes = 100},
                             {.peer = "b", .bytes = 60},
                             {.peer = "b", .bytes = 61},
                             {.peer = "b", .bytes = 62}},
                            120),
            (Indices{3, 2, 0}));
}

TEST(WhoHoldsTooMuchTest, ManyConnectionsOfOnePeerDoNotReachTheOthers) {
  std::vector<Holder> all(1000, {.peer = "many", .bytes = 10});
  all.push_back({.peer = "one", .bytes = 1000});
  const Indices found = WhoHoldsTooMuch(all, 3000);
  EXPECT_EQ(found.size(), 800u);
  for (const size_t i : found) EXPECT_LT(i, 1000u);
}

// ---- who resets

TEST(WhoResetsTest, IsWhoResetsMostOfWhatItOpens) {
  EXPECT_EQ(WhoResets({{.peer = "a", .opened = 2000, .resets = 1100},
                       {.peer = "b", .opened = 4000, .resets = 1100},
                       {.peer = "c", .opened = 900, .resets = 900}},
                      1000),
            Indices{0});
}

TEST(WhoResetsTest, ThePeersConnectionsCountTogether) {
  EXPECT_EQ(WhoResets({{.peer = "a", .opened = 900, .resets = 900},
                       {.peer = "a", .opened = 200, .resets = 200},
                       {.peer = "a", .opened = 10, .resets = 10}},
                      1000),
            (Indices{0, 1}));
}

// ---- what is done about it

MonotonicTime At(absl::Duration since) { return MonotonicTime(absl::Hours(1) + since); }

class ConnectionGuardTest : public ::testing::Test {
 protected:
  ConnectionGuardTest() { LimitConnections(0); }

  // Says it to the server, who reads it.
  static void Say(const AcceptedPair& pair, const std::string& bytes) {
    ASSERT_EQ(send(pair.client, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::string room(bytes.size(), '\0');
    iovec part = {room.data(), room.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ASSERT_EQ(recvmsg(pair.server, &message, 0), static_cast<ssize_t>(bytes.size()));
  }
  static bool IsCutOff(const AcceptedPair& pair) {
    char byte = 0;
    return recv(pair.client, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
  }
  static std::string Calls(uint32_t from, uint32_t count) {
    std::string calls;
    for (uint32_t i = from; i < from + count; ++i) {
      calls += Frame(kHeadersFrame, kEndHeadersFlag, 2 * i + 1, 6);
    }
    return calls;
  }
  static std::string Resets(uint32_t from, uint32_t count) {
    std::string resets;
    for (uint32_t i = from; i < from + count; ++i)
      resets += Frame(kRstStreamFrame, 0, 2 * i + 1, 4);
    return resets;
  }
  void LookFor(absl::Duration time, uint64_t resident_bytes = 1 << 20) {
    for (const absl::Duration until = elapsed_ + time; elapsed_ < until;
         elapsed_ += ConnectionGuard::kInterval) {
      guard_.Look(At(elapsed_), resident_bytes);
    }
  }

  const std::string hello_ = std::string(kClientPreface) + Frame(kSettingsFrame, 0, 0);
  const std::string acknowledgement_ = Frame(kSettingsFrame, kAckFlag, 0);
  ConnectionGuard guard_ = ConnectionGuard(OpenConnections::OfThisProcess(), 1000);
  absl::Duration elapsed_;
};

TEST_F(ConnectionGuardTest, WhoDoesNotAcknowledgeInTimeIsCutOff) {
  const AcceptedPair owes;
  const AcceptedPair owes_nothing;
  const AcceptedPair silent;
  Say(owes, hello_);
  Say(owes_nothing, hello_ + acknowledgement_);
  LookFor(absl::Seconds(10));
  EXPECT_FALSE(IsCutOff(owes));
  LookFor(absl::Seconds(2));
  EXPECT_TRUE(IsCutOff(owes));
  EXPECT_FALSE(IsCutOff(owes_nothing));
  EXPECT_FALSE(IsCutOff(silent));
}

TEST_F(ConnectionGuardTest, WhoAcknowledgesLateButInTimeIsLet) {
  const AcceptedPair pair;
  Say(pair, hello_);
  LookFor(absl::Seconds(9));
  Say(pair, acknowledgement_);
  LookFor(absl::Seconds(20));
  EXPECT_FALSE(IsCutOff(pair));
}

TEST_F(ConnectionGuardTest, MoreThanAllMayHoldForASecondEndsTheGreatest) {
  guard_.AllowCalls(1000);  // And 4 x 1024.
  const AcceptedPair great;
  const AcceptedPair greater;
  const AcceptedPair unix_socket(AF_UNIX);  // Another peer.
  Say(great, hello_ + acknowledgement_ + Calls(0, 2400));
  Say(greater, hello_ + acknowledgement_ + Calls(0, 2500));
  Say(unix_socket, hello_ + acknowledgement_ + Calls(0, 300));
  LookFor(absl::Milliseconds(900));
  EXPECT_FALSE(IsCutOff(greater));
  LookFor(absl::Milliseconds(100));
  EXPECT_TRUE(IsCutOff(greater));
  LookFor(absl::Seconds(5));
  EXPECT_FALSE(IsCutOff(great));
  EXPECT_FALSE(IsCutOff(unix_socket));
}

TEST_F(ConnectionGuardTest, AMomentOfItEndsNobody) {
  guard_.AllowCalls(1000);
  const AcceptedPair pair;
  Say(pair, hello_ + acknowledgement_ + Calls(0, 6000));
  LookFor(absl::Milliseconds(500));
  Say(pair, Resets(0, 3000));
  LookFor(absl::Seconds(3));
  EXPECT_FALSE(IsCutOff(pair));
}

TEST_F(ConnectionGuardTest, TwiceOfItIsTooMuchAtTheFirstLook) {
  guard_.AllowCalls(0);
  const AcceptedPair pair;
  const AcceptedPair unix_socket(AF_UNIX);
  Say(pair, hello_ + acknowledgement_ + Calls(0, 5000));
  Say(unix_socket, hello_ + acknowledgement_ + Calls(0, 3500));
  LookFor(absl::Milliseconds(100));
  EXPECT_TRUE(IsCutOff(pair));
  EXPECT_FALSE(IsCutOff(unix_socket));
}

TEST_F(ConnectionGuardTest, TwiceOfItByOnePeerIsNotWaitedFor) {
  guard_.AllowCalls(0);
  const AcceptedPair first;
  const AcceptedPair second;
  Say(first, hello_ + acknowledgement_ + Calls(0, 4200));
  Say(second, hello_ + acknowledgement_ + Calls(0, 3900));
  EXPECT_FALSE(IsCutOff(second));
  const std::string more = Calls(3900, 100);
  ASSERT_GT(send(second.client, more.data(), more.size(), MSG_NOSIGNAL), 0);
  std::string room(more.size(), '\0');
  iovec part = {room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(recvmsg(second.server, &message, 0), -1);
  EXPECT_TRUE(IsCutOff(second));
  EXPECT_FALSE(IsCutOff(first));
}

TEST_F(ConnectionGuardTest, WhoMadeMemoryGrowByResetsIsCutOff) {
  const AcceptedPair before;  // Reset as many, and nothing grew.
  const AcceptedPair resets;
  const AcceptedPair calls;
  Say(before, hello_ + acknowledgement_ + Calls(0, 2000) + Resets(0, 2000));
  Say(resets, hello_ + acknowledgement_);
  Say(calls, hello_ + acknowledgement_);
  LookFor(absl::Seconds(1), 100 << 20);
  LookFor(absl::Milliseconds(100), 200 << 20);
  Say(resets, Calls(0, 1500) + Resets(0, 1500));
  Say(calls, Calls(0, 1000));
  LookFor(absl::Milliseconds(100), 220 << 20);
  EXPECT_TRUE(IsCutOff(resets));
  EXPECT_FALSE(IsCutOff(calls));
  EXPECT_FALSE(IsCutOff(before));
}

}  // namespace
}  // namespace token_service::net
