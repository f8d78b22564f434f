#include "server/telemetry/call_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <thread>
#include <vector>

#include "server/telemetry/credential_calls.h"

namespace token_service::telemetry {
namespace {

constexpr std::array<std::string_view, 2> kOutcomes = {"OVERLOADED", "SHUTTING_DOWN"};

TEST(CallMetricsTest, CountsFromManyThreadsWithoutLosingAny) {
  CallMetrics metrics(kOutcomes);
  CredentialCalls calls;
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {  // More than there are shards.
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        metrics.CountIssued(CallerKind::kTls, TokenSource::kCache);
        metrics.CountEnded(Method::kGetAccessToken, CallerKind::kUnix, "OVERLOADED");
        calls.CountIssued(CallerKind::kPlaintext);
        calls.CountRefused(CallerKind::kTls);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics.issued(CallerKind::kTls, TokenSource::kCache), 40'000u);
  EXPECT_EQ(metrics.issued(CallerKind::kTls, TokenSource::kRefresh), 0u);
  EXPECT_EQ(metrics.issued(CallerKind::kUnix, TokenSource::kCache), 0u);
  EXPECT_EQ(metrics.ended(Method::kGetAccessToken, CallerKind::kUnix, "OVERLOADED"), 40'000u);
  EXPECT_EQ(metrics.ended(Method::kGetAccessToken, CallerKind::kUnix, "SHUTTING_DOWN"), 0u);
  EXPECT_EQ(calls.issued(CallerKind::kPlaintext), 40'000u);
  EXPECT_EQ(calls.issued(CallerKind::kTls), 0u);
  EXPECT_EQ(calls.refused(CallerKind::kTls), 40'000u);
}

TEST(CallMetricsTest, AnUnknownOutcomeMakesNoSeriesOfItsOwn) {
  CallMetrics metrics(kOutcomes);
  metrics.CountEnded(Method::kWatchAccessToken, CallerKind::kTls, "OK");
  metrics.CountEnded(Method::kWatchAccessToken, CallerKind::kTls, "NEVER_HEARD_OF");
  metrics.CountEnded(Method::kWatchAccessToken, CallerKind::kTls, "NOR_OF_THIS");
  std::vector<std::string_view> names;
  for (size_t i = 0; i < metrics.outcomes(); ++i) names.push_back(metrics.outcome(i));
  EXPECT_THAT(names, testing::ElementsAre("OK", "OVERLOADED", "SHUTTING_DOWN", "OTHER"));
  EXPECT_EQ(metrics.ended(Method::kWatchAccessToken, CallerKind::kTls, "OK"), 1u);
  EXPECT_EQ(metrics.ended(Method::kWatchAccessToken, CallerKind::kTls, "OTHER"), 2u);
}

// A million credentials are known that nobody asks for.
TEST(CredentialCallsTest, TakesNoMemoryForCountersBeforeTheFirstCount) {
  static_assert(sizeof(CredentialCalls) <= 16);
  CredentialCalls calls;
  calls.Begin();
  EXPECT_EQ(calls.issued(CallerKind::kTls), 0u);
  EXPECT_EQ(calls.refused(CallerKind::kTls), 0u);
}

TEST(CredentialCallsTest, LosesNoneOfManyFirstCountsAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kCredentials = 200;
  std::vector<CredentialCalls> all(kCredentials);
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (CredentialCalls& calls : all) {
        start.arrive_and_wait();
        calls.CountIssued(CallerKind::kTls);
        EXPECT_GE(calls.issued(CallerKind::kTls), 1u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const CredentialCalls& calls : all) EXPECT_EQ(calls.issued(CallerKind::kTls), 4u);
}

TEST(CredentialCallsTest, BeginsAnewForAnotherCredential) {
  CredentialCalls calls;
  const uint64_t first = calls.id();
  calls.CountIssued(CallerKind::kTls);
  calls.CountRefused(CallerKind::kUnix);
  calls.Begin();
  EXPECT_NE(calls.id(), first);
  EXPECT_NE(calls.id(), CredentialCalls().id());
  EXPECT_EQ(calls.issued(CallerKind::kTls), 0u);
  EXPECT_EQ(calls.refused(CallerKind::kUnix), 0u);
}

}  // namespace
}  // namespace token_service::telemetry
