#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;

// The breaker of an endpoint that many credentials share.
class OutageTest : public BrokerTest {
 protected:
  static constexpr int kCredentials = 100;

  OutageTest() {
    Create("alpha");
    for (int i = 1; i < kCredentials; ++i) Create(absl::StrCat("name-", i));
  }
  static std::string Name(int i) { return i == 0 ? "alpha" : absl::StrCat("name-", i); }
  void EverybodyAsks() {
    for (int i = 0; i < kCredentials; ++i) Get(Name(i));
  }
  // All ask, the provider does not answer, and its breaker opens.
  void Open() {
    ProviderIs(NotReached);
    Start();
    EverybodyAsks();
    Run();
  }
  size_t tokens() {
    size_t live = 0;
    for (int i = 0; i < kCredentials; ++i) live += Get(Name(i)).outcome() == "token 1" ? 1 : 0;
    return live;
  }
};

TEST_F(OutageTest, ParkedCallersAreRefusedAtOnceWhenTheBreakerOpens) {
  Open();
  for (const auto& caller : callers_) {
    EXPECT_EQ(caller->outcome(), "PROVIDER_UNAVAILABLE");
    EXPECT_TRUE(caller->retry_after().has_value());
  }
  EXPECT_EQ(issuer().waiting(), 0);
  // Five to open it, and those that were out by then.
  EXPECT_LE(provider_.count(), 12);
}

TEST_F(OutageTest, CallersOfAnOpenBreakerAreRefusedAtOnceAndCostNothing) {
  Open();
  const size_t posts = provider_.count();
  EverybodyAsks();
  for (const auto& caller : callers_) EXPECT_EQ(caller->outcome(), "PROVIDER_UNAVAILABLE");
  Run();
  EXPECT_EQ(provider_.count(), posts);
}

// What its callers were told during its own backoff goes on being told.
TEST_F(OutageTest, AnOpenBreakerDoesNotHideWhatACredentialFailedByItself) {
  Create("broken");
  Create("client");
  provider_.SetRule([](const CredentialSettings& s) -> std::optional<broker::ExchangeOutcome> {
    if (s.name == "broken") return Unusable("<html>");
    if (s.name == "client") return ClientRejected();
    return NotReached();
  });
  StartAndRun();
  ASSERT_TRUE(scheduler().ListEndpoints().front().breaker_open);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Get("broken").outcome(), "PROVIDER_MALFORMED");
    EXPECT_TRUE(callers_.back()->retry_after().has_value());
    EXPECT_EQ(Get("client").outcome(), "CLIENT_REJECTED");
    EXPECT_FALSE(callers_.back()->retry_after().has_value());
    Hang(absl::Seconds(7));
  }
}

TEST_F(OutageTest, ANewSettingIsNotToldWhatTheOldOneFailed) {
  Create("client");
  provider_.SetRule([](const CredentialSettings& s) -> std::optional<broker::ExchangeOutcome> {
    if (s.name == "client") return ClientRejected();
    return NotReached();
  });
  StartAndRun();
  ASSERT_EQ(Get("client").outcome(), "CLIENT_REJECTED");
  Update(CopyOfSettings("client"));
  EXPECT_EQ(Get("client").outcome(), "PROVIDER_UNAVAILABLE");
}

TEST_F(OutageTest, SingleProbesGoThrough) {
  Open();
  const size_t posts = provider_.count();
  Hang(absl::Seconds(30));
  EXPECT_EQ(process_->executor.pending(), 1);
  EverybodyAsks();
  EXPECT_EQ(process_->executor.pending(), 1);
  Run();
  EXPECT_EQ(provider_.count(), posts + 1);
}

TEST_F(OutageTest, ProbesOfAnHourAreFew) {
  Open();
  const size_t posts = provider_.count();
  Elapse(absl::Hours(1));
  EXPECT_LE(provider_.count(), posts + 155);  // The longest gap is 30 s, less a fifth.
}

TEST_F(OutageTest, EverythingProceedsOnceAProbeIsAnswered) {
  Open();
  Elapse(absl::Minutes(10));
  ProviderIsWell();
  const size_t posts = provider_.count();
  Elapse(absl::Seconds(121));
  EXPECT_EQ(tokens(), kCredentials);
  EXPECT_EQ(provider_.count(), posts + kCredentials);
}

TEST_F(OutageTest, RecoveryIsNoticedWithinOneProbe) {
  Open();
  Elapse(absl::Minutes(10));
  ProviderIsWell();
  Elapse(absl::Seconds(30));  // The longest from one probe to the next.
  EXPECT_EQ(tokens(), kCredentials);
}

TEST_F(OutageTest, RecoveryLeavesAThrottledCredentialItsPatience) {
  Create("zeta");
  ProviderIs(NotReached);
  Start();
  provider_.Next(Throttled(absl::Hours(2)));
  Run();
  Elapse(absl::Minutes(10));
  const size_t posts = provider_.count("alpha");
  ProviderIsWell();
  Elapse(absl::Seconds(30));
  EXPECT_EQ(provider_.count("alpha"), posts);
  EXPECT_EQ(Get("zeta").outcome(), "token 1");
}

TEST_F(OutageTest, AnExchangeThatReportsLateIsNotTakenForTheProbe) {
  ProviderIs(NotReached);
  Start();
  size_t late = 0;
  provider_.Next([&] {
    // Out since before the breaker opened; it fails while the probe is out.
    Run();
    Hang(absl::Seconds(2));
    late = process_->executor.pending();
    return NotReached();
  });
  process_->executor.RunOne();
  ASSERT_EQ(late, 1) << "the probe";
  Hang(absl::Seconds(100));
  EXPECT_EQ(process_->executor.pending(), 1);
}

TEST_F(OutageTest, ADeadGrantIsASignOfLife) {
  Open();
  ProviderIs(Dead);
  Elapse(absl::Minutes(5));
  for (int i = 0; i < kCredentials; ++i) {
    EXPECT_EQ(Get(Name(i)).outcome(), "REFRESH_TOKEN_REJECTED");
  }
}

TEST_F(OutageTest, TheOtherEndpointIsNotConcerned) {
  Create("swift", [](CredentialSettings& s) { s.token_endpoint = std::string(kOtherEndpoint); });
  provider_.SetRule([](const CredentialSettings& s) -> std::optional<broker::ExchangeOutcome> {
    if (s.token_endpoint == kEndpoint) return NotReached();
    return std::nullopt;
  });
  Start();
  Run();
  EXPECT_EQ(Get("swift").outcome(), "token 1");
  EXPECT_EQ(Get("alpha").outcome(), "PROVIDER_UNAVAILABLE");
}

TEST_F(OutageTest, AnOperatorOverridesTheBreakerWhoeverQueuesBefore) {
  Open();
  ProviderIsWell();
  Caller& caller = OperatorRefresh(Name(kCredentials - 1));
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
}

TEST_F(OutageTest, WhoeverMovedToAnotherEndpointIsNotRefusedForTheOld) {
  ProviderIs(NotReached);
  Start();
  Get(Name(40));  // Before it in the old endpoint's queue.
  Caller& caller = Get(Name(50));
  auto settings = CopyOfSettings(Name(50));
  settings->token_endpoint = std::string(kOtherEndpoint);
  provider_.SetRule([](const CredentialSettings& s) -> std::optional<broker::ExchangeOutcome> {
    if (s.token_endpoint == kEndpoint) return NotReached();
    return std::nullopt;
  });
  Caller& other = Get(Name(60));
  Update(std::move(settings));
  Run();
  EXPECT_EQ(caller.outcome(), "token 1");
  EXPECT_EQ(other.outcome(), "PROVIDER_UNAVAILABLE");
}

}  // namespace
}  // namespace token_service::testing
