// The whole broker on real threads, for the sanitizers as much as for what is asserted.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "server/base/thread_timer_queue.h"
#include "server/base/worker_pool.h"
#include "server/broker/token_issuer.h"
#include "tests/testing/memory_credential_store.h"
#include "tests/testing/scripted_token_endpoint.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;
using broker::TokenIssuer;

constexpr int kCredentials = 5;
constexpr int kThreads = 4;
constexpr int kRounds = 200;

std::string Name(int i) { return absl::StrCat("name-", i % kCredentials); }

std::shared_ptr<CredentialSettings> Settings(const std::string& name) {
  auto settings = std::make_shared<CredentialSettings>();
  settings->name = name;
  settings->token_endpoint = "https://provider.example/token";
  settings->min_refresh_interval = absl::ZeroDuration();
  return settings;
}

// Waits for its answer, or is taken out; deletes itself.
class CountedWaiter final : public TokenIssuer::Waiter {
 public:
  explicit CountedWaiter(absl::BlockingCounter& left) : left_(left) {}
  void OnAnswer(broker::TokenAnswer) override { Go(); }
  void Go() {
    left_.DecrementCount();
    delete this;
  }

 private:
  absl::BlockingCounter& left_;
};

class BrokerThreadsTest : public ::testing::Test {
 protected:
  BrokerThreadsTest() {
    scheduler_.AddListener(&issuer_);
    // Short enough that refreshes ahead go on all the while.
    provider_.SetLifetime(absl::Milliseconds(20));
    for (int i = 0; i < kCredentials; ++i) {
      broker::CredentialRecord record;
      record.name = Name(i);
      record.refresh_token = Secret(absl::StrCat(Name(i), "/0"));
      record.create_time = clock_.WallNow();
      record.profile.token_endpoint = Settings(record.name)->token_endpoint;
      EXPECT_TRUE(store_.Create(record).ok());
      scheduler_.Add(Settings(Name(i)), record);
    }
  }
  ~BrokerThreadsTest() override {
    workers_.Stop();
    timers_.reset();
  }

  void Ask(int i, absl::BlockingCounter& left) {
    broker::TokenRequest request{.credential = Name(i)};
    if (i % 3 == 0) request.rejected_generation = scheduler_.Status(Name(i))->generation;
    if (i % 5 == 0) request.min_validity = absl::Milliseconds(10);
    if (issuer_.TryGet(request).has_value()) {
      left.DecrementCount();
      return;
    }
    auto* const waiter = new CountedWaiter(left);
    issuer_.Wait(request, waiter);
    // It may be gone already: then Leave does not know it. (Another's address it cannot be: waiters
    // of this credential are made by this thread only.)
    if (i % 7 == 0 && issuer_.Leave(request.credential, waiter)) waiter->Go();
  }

  const Clock& clock_ = SystemClock();
  MemoryCredentialStore store_{clock_};
  ScriptedTokenEndpoint provider_{clock_};
  broker::TokenCache cache_;
  broker::Refresher refresher_{{.holder = "us"}, store_, provider_, clock_};
  std::unique_ptr<ThreadTimerQueue> timers_ = std::make_unique<ThreadTimerQueue>(clock_);
  WorkerPool workers_{4};
  broker::RefreshScheduler scheduler_{
      {.workers = 4, .per_endpoint = 2}, refresher_, cache_, workers_, *timers_, clock_};
  TokenIssuer issuer_{{}, cache_, scheduler_, *timers_, clock_};
};

TEST_F(BrokerThreadsTest, EveryCallerIsAnsweredOnceAndNoRefreshTokenIsUsedTwice) {
  absl::BlockingCounter left(kThreads * kRounds);
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([&, t] {
      // Credentials of their own, so that each thread's waiters can be told apart.
      for (int round = 0; round < kRounds; ++round) Ask(t + kCredentials * round, left);
    });
  }
  std::thread operators([&] {
    for (int round = 0; round < kRounds; ++round) {
      scheduler_.Update(Settings(Name(round)));
      scheduler_.Status(Name(round));
      if (round % 20 != 0) continue;
      // The last credential is nobody's: it comes, goes and changes hands.
      const std::string name = Name(kCredentials - 1);
      const std::string fresh = absl::StrCat(name, "/fresh-", round);
      EXPECT_TRUE(store_.ReplaceRefreshToken(name, Secret(std::string_view(fresh))).ok());
      scheduler_.OnGrantReplaced(name, broker::RefreshScheduler::Hold::kEnds);
      scheduler_.Remove(name);
      EXPECT_TRUE(store_.Delete(name).ok());
      broker::CredentialRecord record;
      record.name = name;
      record.refresh_token = Secret(absl::StrCat(name, "/again-", round));
      record.create_time = clock_.WallNow();
      record.profile.token_endpoint = Settings(record.name)->token_endpoint;
      EXPECT_TRUE(store_.Create(record).ok());
      scheduler_.Add(Settings(name), record);
    }
  });
  for (std::thread& caller : callers) caller.join();
  operators.join();
  left.Wait();
  scheduler_.Drain(absl::Seconds(10));
  EXPECT_EQ(issuer_.waiting(), 0);
  EXPECT_EQ(scheduler_.unpersisted(), 0);
}

}  // namespace
}  // namespace token_service::testing
