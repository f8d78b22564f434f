#include "server/net/stream_ledger.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/net/frames.h"

namespace token_service::net {
namespace {

constexpr uint8_t kEndHeaders = kEndHeadersFlag;

class StreamLedgerTest : public ::testing::Test {
 protected:
  StreamLedgerTest() { EXPECT_EQ(ledger_.Received(kClientPreface), Breach::kNone); }

  Breach Receive(uint8_t kind, uint8_t flags, uint32_t stream, uint32_t length = 0) {
    return ledger_.Received(Frame(kind, flags, stream, length));
  }
  void Acknowledge() { EXPECT_EQ(Receive(kSettingsFrame, kAckFlag, 0), Breach::kNone); }
  Breach Open(uint32_t stream) { return Receive(kHeadersFrame, kEndHeaders, stream, 6); }
  void Send(uint8_t kind, uint8_t flags, uint32_t stream, uint32_t length = 0) {
    ledger_.Sent(Frame(kind, flags, stream, length));
  }

  uint64_t Bytes(uint64_t calls, uint64_t sent) const {
    return calls * StreamLedger::kCallBytes + sent;
  }

  StreamLedger ledger_ = StreamLedger(2000);
};

// ---- what is held

TEST_F(StreamLedgerTest, ACallIsHeldUntilTheServerEndsIt) {
  Open(1);
  Receive(kDataFrame, kEndStreamFlag, 1, 30);
  EXPECT_EQ(ledger_.bytes(), Bytes(1, 30));
  Send(kHeadersFrame, kEndHeaders, 1, 10);
  Send(kDataFrame, 0, 1, 100);
  EXPECT_EQ(ledger_.calls(), 1u);
  Send(kHeadersFrame, kEndHeaders | kEndStreamFlag, 1, 10);
  EXPECT_EQ(ledger_.bytes(), 0u);
}

TEST_F(StreamLedgerTest, OrUntilOneOfThemResetsIt) {
  Open(1);
  Open(3);
  Receive(kRstStreamFrame, 0, 1, 4);
  EXPECT_EQ(ledger_.calls(), 1u);
  Send(kRstStreamFrame, 0, 3, 4);
  EXPECT_EQ(ledger_.calls(), 0u);
  EXPECT_EQ(ledger_.opened(), 2u);
  EXPECT_EQ(ledger_.resets(), 1u);
}

TEST_F(StreamLedgerTest, SomeEndWithTheirData) {
  Open(1);
  Send(kDataFrame, kEndStreamFlag, 1, 5);
  EXPECT_EQ(ledger_.calls(), 0u);
}

TEST_F(StreamLedgerTest, WhatComesForACallThatHasEndedIsNotHeld) {
  Open(1);
  Send(kRstStreamFrame, 0, 1, 4);
  Receive(kDataFrame, 0, 1, 1000);
  Receive(kDataFrame, 0, 99, 1000);
  Receive(kRstStreamFrame, 0, 1, 4);
  EXPECT_EQ(ledger_.bytes(), 0u);
  EXPECT_EQ(ledger_.resets(), 0u);
}

TEST_F(StreamLedgerTest, TrailersOfTheClientOpenNoCall) {
  Open(3);
  Open(3);
  Open(1);  // gRPC passes over it.
  Open(4);
  EXPECT_EQ(ledger_.calls(), 1u);
}

TEST_F(StreamLedgerTest, ACallThatIsSentMuchAndLongHoldsItsMostOnly) {
  Open(1);
  for (int i = 0; i < 3000; ++i) Receive(kDataFrame, 0, 1, 16384);
  EXPECT_EQ(ledger_.bytes(), Bytes(1, StreamLedger::kMostSentToCall));
}

// ---- what is not let

TEST_F(StreamLedgerTest, AThousandCallsAtOnceWithEightKilobytesOfHeadersAreLet) {
  Acknowledge();
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(Receive(kHeadersFrame, kEndHeaders, 2 * i + 1, 8192), Breach::kNone);
    ASSERT_EQ(Receive(kDataFrame, kEndStreamFlag, 2 * i + 1, 4096), Breach::kNone);
  }
  EXPECT_EQ(ledger_.calls(), 1000u);
}

TEST_F(StreamLedgerTest, AHeaderBlockHasNotMoreFrames) {
  EXPECT_EQ(Receive(kHeadersFrame, 0, 1, 10), Breach::kNone);
  for (int i = 1; i < StreamLedger::kMostHeaderFrames; ++i) {
    EXPECT_EQ(Receive(kContinuationFrame, 0, 1), Breach::kNone);
  }
  EXPECT_EQ(Receive(kContinuationFrame, kEndHeaders, 1), Breach::kHeaderBlock);
}

TEST_F(StreamLedgerTest, NorMoreBytes) {
  EXPECT_EQ(Receive(kHeadersFrame, 0, 1, 16384), Breach::kNone);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Receive(kContinuationFrame, 0, 1, 16384), Breach::kNone);
  EXPECT_EQ(Receive(kContinuationFrame, 0, 1, 1), Breach::kHeaderBlock);
}

TEST_F(StreamLedgerTest, TheNextBlockIsAnother) {
  for (uint32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(Receive(kHeadersFrame, 0, 2 * i + 1, 16384), Breach::kNone);
    EXPECT_EQ(Receive(kContinuationFrame, kEndHeaders, 2 * i + 1, 16384), Breach::kNone);
  }
}

TEST_F(StreamLedgerTest, BeforeTheSettingsAreAcknowledgedTheyHoldAllTheSame) {
  EXPECT_TRUE(ledger_.awaits_acknowledgement());
  for (uint32_t i = 0; i < 2000; ++i) ASSERT_EQ(Open(2 * i + 1), Breach::kNone);
  EXPECT_EQ(Open(4001), Breach::kUnacknowledged);
}

TEST_F(StreamLedgerTest, AfterThatGrpcSeesToIt) {
  Receive(kSettingsFrame, 0, 0, 6);  // The client's own.
  EXPECT_TRUE(ledger_.awaits_acknowledgement());
  Acknowledge();
  EXPECT_FALSE(ledger_.awaits_acknowledgement());
  for (uint32_t i = 0; i < 2001; ++i) ASSERT_EQ(Open(2 * i + 1), Breach::kNone);
}

TEST_F(StreamLedgerTest, WhoHasSaidNothingOwesNothing) {
  EXPECT_FALSE(StreamLedger(1000).awaits_acknowledgement());
}

TEST_F(StreamLedgerTest, AHundredCallsAreForGrantedHoweverFewAreAllowed) {
  StreamLedger few(1);
  few.Received(kClientPreface);
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(few.Received(Frame(kHeadersFrame, kEndHeaders, 2 * i + 1)), Breach::kNone);
  }
}

Breach OpenAndReset(StreamLedger& ledger, uint32_t from, uint32_t count) {
  Breach breach = Breach::kNone;
  for (uint32_t i = from; i < from + count && breach == Breach::kNone; ++i) {
    breach = ledger.Received(Frame(kHeadersFrame, kEndHeaders, 2 * i + 1) +
                             Frame(kRstStreamFrame, 0, 2 * i + 1, 4));
  }
  return breach;
}

TEST_F(StreamLedgerTest, WhoResetsAtOnceIsInBreachSoonerOrLater) {
  Acknowledge();
  EXPECT_EQ(OpenAndReset(ledger_, 0, 8000), Breach::kNone);
  EXPECT_EQ(OpenAndReset(ledger_, 8000, 1), Breach::kResets);
}

TEST_F(StreamLedgerTest, HoweverWellTheServerKeepsPace) {
  Acknowledge();
  for (uint32_t i = 0; i < 8000; ++i) {
    EXPECT_EQ(OpenAndReset(ledger_, i, 1), Breach::kNone);
    ledger_.Drained();
  }
  EXPECT_EQ(OpenAndReset(ledger_, 8000, 1), Breach::kResets);
}

TEST_F(StreamLedgerTest, ACallThatCouldBeginMayBeReset) {
  Acknowledge();
  for (uint32_t i = 0; i < 20000; ++i) {
    Open(2 * i + 1);
    ledger_.Drained();
    EXPECT_EQ(Receive(kRstStreamFrame, 0, 2 * i + 1, 4), Breach::kNone);
  }
  EXPECT_EQ(ledger_.resets(), 20000u);
}

TEST_F(StreamLedgerTest, CallsThatEndOtherwiseMakeUpForThoseResetAtOnce) {
  Acknowledge();
  for (uint32_t i = 0; i < 20000; i += 2) {
    EXPECT_EQ(OpenAndReset(ledger_, i, 1), Breach::kNone);
    Open(2 * i + 3);
    Send(kHeadersFrame, kEndHeaders | kEndStreamFlag, 2 * i + 3, 10);
  }
}

// ---- what cannot be followed

TEST_F(StreamLedgerTest, WhatIsNoHttp2IsLeftToGrpc) {
  StreamLedger other(1000);
  EXPECT_EQ(other.Received("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Breach::kNone);
  EXPECT_FALSE(other.readable());
  EXPECT_FALSE(other.awaits_acknowledgement());
}

TEST_F(StreamLedgerTest, WhereTheServersFramesMakeNoSenseNothingIsCounted) {
  Open(1);
  Send(200, 0, 1, 5);
  EXPECT_FALSE(ledger_.readable());
  EXPECT_EQ(ledger_.bytes(), 0u);
  for (uint32_t i = 1; i < 5000; ++i) EXPECT_EQ(Open(2 * i + 1), Breach::kNone);
}

}  // namespace
}  // namespace token_service::net
