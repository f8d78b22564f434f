#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/broker/refresh_scheduler.h"
#include "server/broker/refresher.h"
#include "server/broker/token_cache.h"
#include "server/broker/token_issuer.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timer_queue.h"
#include "tests/testing/faulty_credential_store.h"
#include "tests/testing/manual_executor.h"
#include "tests/testing/memory_credential_store.h"
#include "tests/testing/scripted_token_endpoint.h"

namespace token_service::testing {

// Somebody who wants a token.
class Caller final : public broker::TokenIssuer::Waiter {
 public:
  void OnAnswer(broker::TokenAnswer answer) override {
    EXPECT_FALSE(answer_.has_value()) << "answered twice";
    answer_ = std::move(answer);
  }

  bool answered() const { return answer_.has_value(); }
  // "waiting", "token <generation>", or the refusal's reason: for comparing.
  std::string outcome() const;
  // What the access token is; empty without one.
  std::string access_token() const;
  // Of the refusal's RetryInfo; nullopt: none.
  std::optional<absl::Duration> retry_after() const;

 private:
  std::optional<broker::TokenAnswer> answer_;
};

// The broker as wired in the server, in a world without threads: time passes when the test says,
// and so do exchanges. What outlives a process (clock, store, provider) outlives Start.
class BrokerTest : public ::testing::Test {
 protected:
  // Backoffs come without jitter, so that moments can be told.
  BrokerTest() {
    options_.scheduler.backoff.jitter = 0;
    options_.scheduler.breaker.backoff.jitter = 0;
  }

  using Need = broker::RefreshScheduler::Need;
  using Call = FaultyCredentialStore::Call;
  using When = FaultyCredentialStore::When;

  static constexpr std::string_view kEndpoint = "https://provider.example/token";
  static constexpr std::string_view kOtherEndpoint = "https://other.example/token";

  struct ProcessOptions {
    broker::Refresher::Options refresher{.holder = "us"};
    broker::RefreshScheduler::Options scheduler;
    broker::TokenIssuer::Options issuer;
  };
  struct Process {
    Process(FakeClock& clock, FaultyCredentialStore& store, ScriptedTokenEndpoint& provider,
            const ProcessOptions& options);

    FakeTimerQueue timers;
    ManualExecutor executor;
    broker::TokenCache cache;
    broker::Refresher refresher;
    broker::RefreshScheduler scheduler;
    broker::TokenIssuer issuer;
  };

  using Configure = std::function<void(broker::CredentialSettings&)>;

  // Puts a credential into the store, with the refresh token "<name>/0".
  void Create(const std::string& name, const Configure& configure = nullptr);
  // A new process on what the store holds; the old one is gone as if killed.
  void Start();
  // Start, and wait until everybody has a token.
  void StartAndRun();

  // Whoever asks is remembered until the test ends.
  Caller& Get(broker::TokenRequest request);
  Caller& Get(std::string_view name = "alpha") { return Get({.credential = std::string(name)}); }
  Caller& Reject(uint64_t generation) {
    return Get({.credential = "alpha", .rejected_generation = generation});
  }
  Caller& GetValidFor(absl::Duration min_validity) {
    return Get({.credential = "alpha", .min_validity = min_validity});
  }
  Caller& OperatorRefresh(const std::string& name = "alpha");

  // Runs what is to be run, in no time.
  void Run() { process_->executor.RunAll(); }
  // Time passes, and no exchange makes progress.
  void Hang(absl::Duration by) { process_->timers.Advance(by); }
  // Time passes, and exchanges take none of it.
  void Elapse(absl::Duration by);

  // How the provider answers from now on.
  void ProviderIs(broker::ExchangeOutcome (*answer)()) {
    provider_.SetRule([answer](const auto&) { return answer(); });
  }
  void ProviderIsWell() { provider_.SetRule(nullptr); }

  // As an operator does it: the store first.
  void ReplaceGrant(const std::string& name, std::string_view refresh_token);

  broker::RefreshScheduler& scheduler() { return process_->scheduler; }
  broker::TokenIssuer& issuer() { return process_->issuer; }
  broker::CredentialStatus Status(const std::string& name = "alpha");
  broker::CredentialState State() { return Status().state; }
  broker::CredentialRecord Record(const std::string& name = "alpha");
  std::string RefreshTokenOnRecord(const std::string& name = "alpha");
  std::shared_ptr<broker::CredentialSettings> CopyOfSettings(const std::string& name) const;
  // As CredentialRegistry does it.
  void Update(std::shared_ptr<const broker::CredentialSettings> settings);
  // The half of it that is the store's.
  void Store(const broker::CredentialSettings& settings);

  ProcessOptions options_;
  FakeClock clock_;
  MemoryCredentialStore memory_{clock_};
  FaultyCredentialStore store_{memory_};
  ScriptedTokenEndpoint provider_{clock_};
  std::map<std::string, broker::CredentialSettingsPtr> settings_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::unique_ptr<Process> process_;
};

}  // namespace token_service::testing
