#include "server/net/open_connections.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "server/net/connection_limit.h"
#include "tests/net/accepted_pair.h"
#include "tests/net/frames.h"

namespace token_service::net {
namespace {

// What gRPC does with a connection, on either kind of socket.
class OpenConnectionsTest : public ::testing::TestWithParam<int> {
 protected:
  OpenConnectionsTest() { LimitConnections(0); }

  void Say(std::string_view bytes) {
    ASSERT_EQ(send(pair_.client, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // -1: errno says.
  ssize_t Read(size_t room = 1 << 16) {
    std::string one(room / 2, '\0');
    std::string other(room - room / 2, '\0');
    std::array<iovec, 2> parts = {{{one.data(), one.size()}, {other.data(), other.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return recvmsg(pair_.server, &message, 0);
  }
  void Answer(std::string bytes) {
    iovec part = {bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ASSERT_EQ(sendmsg(pair_.server, &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  bool ClientIsHungUpOn() {
    std::array<char, 64> room = {};
    return recv(pair_.client, room.data(), room.size(), MSG_DONTWAIT) <= 0 && errno != EAGAIN;
  }

  static OpenConnections& All() { return OpenConnections::OfThisProcess(); }
  static uint64_t CutOffs(Breach breach) { return All().cut_offs().count(breach); }

  const uint64_t held_before_ = All().held_bytes();
  AcceptedPair pair_{GetParam()};
};

TEST_P(OpenConnectionsTest, AreThoseBetweenAcceptAndClose) {
  EXPECT_NE(All().Find(pair_.server), nullptr);
  EXPECT_EQ(All().Find(pair_.client), nullptr);
  close(pair_.server);
  EXPECT_EQ(All().Find(pair_.server), nullptr);
  EXPECT_EQ(OpenConnections::At(pair_.server), nullptr);
}

TEST_P(OpenConnectionsTest, HoldTheCallsThatWereReadAndNotAnswered) {
  Say(std::string(kClientPreface) + Frame(kHeadersFrame, kEndHeadersFlag, 1, 40) +
      Frame(kHeadersFrame, kEndHeadersFlag, 3, 40));
  EXPECT_EQ(All().held_bytes(), held_before_);
  EXPECT_GT(Read(), 0);
  EXPECT_EQ(All().held_bytes() - held_before_, 2 * StreamLedger::kCallBytes);
  Answer(Frame(kHeadersFrame, kEndHeadersFlag | kEndStreamFlag, 3, 40));
  EXPECT_EQ(All().held_bytes() - held_before_, StreamLedger::kCallBytes);
  close(pair_.server);
  EXPECT_EQ(All().held_bytes(), held_before_);
}

TEST_P(OpenConnectionsTest, ABreachEndsItForBothSidesAndWhatWasReadIsNotHandedOn) {
  const uint64_t before = CutOffs(Breach::kHeaderBlock);
  std::string flood = std::string(kClientPreface) + Frame(kHeadersFrame, 0, 1, 40);
  for (int i = 0; i < 20; ++i) flood += Frame(kContinuationFrame, 0, 1, 1);
  Say(flood + std::string(kClientPreface));
  EXPECT_EQ(Read(), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(Read(), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_TRUE(ClientIsHungUpOn());
  EXPECT_EQ(CutOffs(Breach::kHeaderBlock), before + 1);
  EXPECT_EQ(All().held_bytes(), held_before_);
}

TEST_P(OpenConnectionsTest, ABreachAcrossTwoReadsIsSeen) {
  std::string flood = std::string(kClientPreface) + Frame(kHeadersFrame, 0, 1, 40);
  for (int i = 0; i < 20; ++i) flood += Frame(kContinuationFrame, 0, 1, 1);
  Say(flood);
  ssize_t size = 0;
  do {
    size = Read(7);
  } while (size > 0);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_P(OpenConnectionsTest, OneCanBeCutOffWhileNobodyReads) {
  Say(kClientPreface);
  EXPECT_TRUE(All().Find(pair_.server)->CutOff(Breach::kTooMuch));
  EXPECT_FALSE(All().Find(pair_.server)->CutOff(Breach::kTooMuch));
  EXPECT_EQ(Read(), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_TRUE(ClientIsHungUpOn());
}

TEST_P(OpenConnectionsTest, OneThatIsClosedIsNotCutOff) {
  const auto connection = All().Find(pair_.server);
  close(pair_.server);
  AcceptedPair next(GetParam());  // Has its number.
  EXPECT_FALSE(connection->CutOff(Breach::kTooMuch));
  EXPECT_EQ(send(next.client, "1", 1, MSG_NOSIGNAL), 1);
  char byte = 0;
  EXPECT_EQ(recv(next.server, &byte, 1, 0), 1);
}

TEST_P(OpenConnectionsTest, WhatTlsCarriesIsToldByTls) {
  const auto connection = All().Find(pair_.server);
  connection->BecomesTls();
  Say(kClientPreface);  // It would be records.
  EXPECT_GT(Read(), 0);
  EXPECT_TRUE(connection->TlsRead(std::string(kClientPreface) +
                                  Frame(kHeadersFrame, kEndHeadersFlag, 1, 40)));
  EXPECT_EQ(All().held_bytes() - held_before_, StreamLedger::kCallBytes);
  connection->TlsWritten(Frame(kRstStreamFrame, 0, 1, 4));
  EXPECT_EQ(All().held_bytes(), held_before_);
}

TEST_P(OpenConnectionsTest, APeerHasAName) {
  EXPECT_EQ(All().Find(pair_.server)->peer(),
            GetParam() == AF_INET ? "127.0.0.1" : "uid:" + std::to_string(getuid()));
}

INSTANTIATE_TEST_SUITE_P(Sockets, OpenConnectionsTest, ::testing::Values(AF_INET, AF_UNIX),
                         [](const auto& info) { return info.param == AF_INET ? "tcp" : "unix"; });

}  // namespace
}  // namespace token_service::net
