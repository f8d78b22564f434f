#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;

// Many credentials at one token endpoint, and more than one endpoint.
class EndpointQueueTest : public BrokerTest {
 protected:
  EndpointQueueTest() { Create("alpha"); }
};

TEST_F(EndpointQueueTest, AnEndpointHasABoundedNumberOfFlights) {
  for (int i = 0; i < 20; ++i) Create(absl::StrCat("name-", i));
  Start();
  EXPECT_EQ(process_->executor.pending(), 8);
  process_->executor.RunOne();
  EXPECT_EQ(process_->executor.pending(), 8);
}

TEST_F(EndpointQueueTest, AllEndpointsTogetherHaveNoMoreFlightsThanWorkers) {
  options_.scheduler.workers = 4;
  for (int i = 0; i < 20; ++i) Create(absl::StrCat("name-", i));
  Start();
  EXPECT_EQ(process_->executor.pending(), 4);
}

TEST_F(EndpointQueueTest, AnEndpointThatHangsDoesNotDelayTheOther) {
  options_.scheduler.workers = 4;
  options_.scheduler.per_endpoint = 2;
  for (int i = 0; i < 10; ++i) {
    Create(absl::StrCat("hanging-", i));
    Create(absl::StrCat("swift-", i),
           [](CredentialSettings& s) { s.token_endpoint = std::string(kOtherEndpoint); });
  }
  size_t swift = 0;
  provider_.SetRule([&](const CredentialSettings& s) {
    if (s.token_endpoint == kEndpoint) {
      Run();  // Everybody else gets done before this one is answered.
    } else {
      ++swift;
    }
    return std::nullopt;
  });
  Start();
  provider_.Meanwhile([&] { EXPECT_EQ(swift, 10); });
  Run();
  EXPECT_EQ(provider_.count(), 21);
}

// Three times eight hang, more than there are workers for, before any breaker opens.
TEST_F(EndpointQueueTest, EndpointsThatHangLeaveAWorkerForOneThatDoesNot) {
  for (int endpoint = 0; endpoint < 3; ++endpoint) {
    for (int i = 0; i < 8; ++i) {
      Create(absl::StrCat("hanging-", endpoint, "-", i), [endpoint](CredentialSettings& s) {
        s.token_endpoint = absl::StrCat("https://hanging-", endpoint, ".example/token");
      });
    }
  }
  Create("zulu", [](CredentialSettings& s) { s.token_endpoint = std::string(kOtherEndpoint); });
  Start();  // In order of name: the others come first.
  const size_t started = process_->executor.pending();
  EXPECT_LE(started, 16);
  for (size_t i = 0; i < started; ++i) process_->executor.RunOne();
  // None of them was told yet how its exchange ended when it started.
  EXPECT_EQ(provider_.count("zulu"), 1);
}

// Seven hang, each with more to do than there are workers; what they have to do comes bit by bit.
TEST_F(EndpointQueueTest, AnEndpointWithAnExchangeOverdueHasOneMoreAtMost) {
  const auto on_demand = [](std::string endpoint) {
    return [endpoint](CredentialSettings& s) {
      s.refresh = broker::RefreshMode::kOnDemand;
      s.token_endpoint = endpoint;
    };
  };
  constexpr int kEndpoints = 7;
  const auto name = [](int endpoint, int i) { return absl::StrCat("hanging-", endpoint, "-", i); };
  for (int endpoint = 0; endpoint < kEndpoints; ++endpoint) {
    for (int i = 0; i < 8; ++i) {
      Create(name(endpoint, i),
             on_demand(absl::StrCat("https://hanging-", endpoint, ".example/token")));
    }
  }
  Create("zulu", on_demand(std::string(kOtherEndpoint)));
  StartAndRun();  // alpha's.
  for (int endpoint = 0; endpoint < kEndpoints; ++endpoint) Get(name(endpoint, 0));
  EXPECT_EQ(process_->executor.pending(), kEndpoints);
  Hang(absl::Seconds(3));
  for (int endpoint = 0; endpoint < kEndpoints; ++endpoint) {
    for (int i = 1; i < 8; ++i) Get(name(endpoint, i));
  }
  EXPECT_EQ(process_->executor.pending(), 2 * kEndpoints);
  Caller& other = Get("zulu");
  EXPECT_EQ(process_->executor.pending(), 2 * kEndpoints + 1);
  // They answer after all: everything proceeds.
  Run();
  EXPECT_EQ(other.outcome(), "token 1");
  for (const auto& caller : callers_) EXPECT_EQ(caller->outcome(), "token 1");
}

TEST_F(EndpointQueueTest, AnEndpointAloneMayHaveEveryWorker) {
  options_.scheduler.workers = 8;
  for (int i = 0; i < 20; ++i) Create(absl::StrCat("name-", i));
  Start();
  EXPECT_EQ(process_->executor.pending(), 8);
}

TEST_F(EndpointQueueTest, CallersNeedsGoBeforeRefreshesAhead) {
  options_.scheduler.per_endpoint = 1;
  for (const char* name : {"beta", "gamma", "delta"}) Create(name);
  Start();  // In order of name.
  Get("gamma");
  Run();
  const auto posts = provider_.posts();
  ASSERT_EQ(posts.size(), 4);
  EXPECT_EQ(posts[0].credential, "alpha");
  EXPECT_EQ(posts[1].credential, "gamma");
}

TEST_F(EndpointQueueTest, CallersNeedsGoBeforeRefreshesAheadOfOtherEndpoints) {
  options_.scheduler.workers = 1;
  Create("beta");
  Create("gamma", [](CredentialSettings& s) { s.token_endpoint = std::string(kOtherEndpoint); });
  Start();
  Get("gamma");
  Run();
  EXPECT_EQ(provider_.posts()[1].credential, "gamma");
}

}  // namespace
}  // namespace token_service::testing
