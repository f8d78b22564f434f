#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/core/source_core.h"
#include "gtest/gtest.h"
#include "tests/client/core/fake_transport.h"
#include "token_service/token_source.h"

namespace token_service::client {
namespace {

using token_service::testing::FakeBootClock;
using token_service::testing::FakeTransport;
using token_service::testing::LentTransport;
using token_service::testing::Refused;
using token_service::testing::Token;

class SourceThreadsTest : public ::testing::Test {
 protected:
  std::unique_ptr<TokenSource> Open(TokenSourceOptions options = {}) {
    return std::make_unique<TokenSource>(std::make_unique<LentTransport>(transport_), options,
                                         clock_);
  }

  FakeTransport transport_;
  FakeBootClock clock_;
};

TEST_F(SourceThreadsTest, StartsWithoutAToken) {
  const auto source = Open();
  const TokenOrError none = source->Current();
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().reason, ErrorReason::kNoAnswerYet);
}

TEST_F(SourceThreadsTest, ManyThreadsWaitForTheFirstToken) {
  const auto source = Open();
  std::vector<std::thread> threads;
  std::atomic<int> got = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const TokenOrError token = source->Get(absl::Hours(1));
      if (token.ok() && token->generation() == 1) ++got;
    });
  }
  const auto started = transport_.AwaitStarted(1);
  ASSERT_TRUE(started[0].watch);
  transport_.sink().OnToken(started[0].call, Token(1));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got.load(), 8);
  EXPECT_EQ(source->Current()->Reveal(), "token-1");
}

TEST_F(SourceThreadsTest, ManyThreadsReportOneRejection) {
  const auto source = Open();
  transport_.sink().OnToken(transport_.AwaitStarted(1)[0].call, Token(1));
  const TokenOrError rejected = source->Get(absl::Hours(1));
  ASSERT_TRUE(rejected.ok());

  std::vector<std::thread> threads;
  std::atomic<int> replaced = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      source->Rejected(*rejected);
      const TokenOrError next = source->Replace(*rejected, absl::Hours(1));
      if (next.ok() && next->generation() == 2) ++replaced;
    });
  }
  const auto started = transport_.AwaitStarted(2);
  EXPECT_EQ(started[1].rejected_generation, 1u);
  transport_.sink().OnToken(started[1].call, Token(2));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(replaced.load(), 8);
  EXPECT_EQ(transport_.Count(/*watch=*/false), 1u);
}

TEST_F(SourceThreadsTest, ChangesAreToldOnTheSourcesThreadWithNoLockHeld) {
  std::atomic<uint64_t> generation = 0;
  std::atomic<ErrorReason> reason = ErrorReason::kNone;
  absl::Notification gone;
  TokenSource* opened = nullptr;
  absl::Notification ready;
  TokenSourceOptions options;
  options.on_change = [&](const TokenOrError& now) {
    ready.WaitForNotification();
    // All of these would hang under a lock, or for want of this thread.
    EXPECT_EQ(opened->Current().ok(), now.ok());
    EXPECT_EQ(opened->Get(absl::Hours(1)).ok(), now.ok());
    if (now.ok()) {
      generation = now->generation();
      opened->Rejected(*now);
    } else {
      reason = now.error().reason;
      gone.Notify();
    }
  };
  const auto source = Open(options);
  opened = source.get();
  ready.Notify();
  const CallId watch = transport_.AwaitStarted(1)[0].call;
  transport_.sink().OnToken(watch, Token(1));
  EXPECT_EQ(transport_.AwaitStarted(2)[1].rejected_generation, 1u);
  EXPECT_EQ(generation.load(), 1u);
  transport_.sink().OnEnd(watch,
                          Refused(grpc::StatusCode::NOT_FOUND, ErrorReason::kCredentialNotFound));
  gone.WaitForNotification();
  EXPECT_EQ(reason.load(), ErrorReason::kCredentialNotFound);
}

TEST_F(SourceThreadsTest, TheDestructorLetsAWaiterOut) {
  auto source = Open();
  transport_.sink().OnToken(transport_.AwaitStarted(1)[0].call, Token(1));
  const TokenOrError rejected = source->Get(absl::Hours(1));
  ASSERT_TRUE(rejected.ok());
  ErrorReason reason = ErrorReason::kNone;
  std::thread waiter([&, waiting = source.get()] {
    reason = waiting->Replace(*rejected, absl::Hours(1)).error().reason;
  });
  // Its report has been sent: it is inside.
  transport_.AwaitStarted(2);
  source.reset();
  waiter.join();
  EXPECT_EQ(reason, ErrorReason::kClosed);
  EXPECT_TRUE(transport_.is_shut_down());
}

TEST_F(SourceThreadsTest, ATokenThatIsHeldOutlivesTheSource) {
  auto source = Open();
  transport_.sink().OnToken(transport_.AwaitStarted(1)[0].call, Token(1));
  const TokenOrError held = source->Get(absl::Hours(1));
  source.reset();
  EXPECT_EQ(held->Reveal(), "token-1");
}

TEST_F(SourceThreadsTest, ReadersNeverMissATokenWhileTokensFly) {
  const auto source = Open();
  const CallId watch = transport_.AwaitStarted(1)[0].call;
  transport_.sink().OnToken(watch, Token(1));
  ASSERT_TRUE(source->Get(absl::Hours(1)).ok());
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      uint64_t last = 0;
      while (!done) {
        const TokenOrError token = source->Current();
        ASSERT_TRUE(token.ok());
        ASSERT_GE(token->generation(), last);
        last = token->generation();
      }
    });
  }
  for (uint64_t generation = 2; generation <= 500; ++generation) {
    transport_.sink().OnToken(watch, Token(generation));
    if (generation % 50 == 0) std::this_thread::yield();
  }
  while (source->Current()->generation() < 500) std::this_thread::yield();
  done = true;
  for (std::thread& reader : readers) reader.join();
}

// By the machine's own clock: the token goes by itself, nobody has to ask.
TEST_F(SourceThreadsTest, AnExpiredTokenIsTakenAwayByTheClock) {
  absl::Notification expired;
  TokenSourceOptions options;
  options.on_change = [&](const TokenOrError& now) {
    if (!now.ok() && now.error().reason == ErrorReason::kTokenExpired) expired.Notify();
  };
  TokenSource source(std::make_unique<LentTransport>(transport_), options, BootClock());
  transport_.sink().OnToken(transport_.AwaitStarted(1)[0].call, Token(1, absl::Milliseconds(30)));
  expired.WaitForNotification();
  EXPECT_FALSE(source.Current().ok());
}

}  // namespace
}  // namespace token_service::client
