// The broker as it is put together for the server: a store on disk, threads of its own, and a
// provider that is played.
#include "server/app/broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/app/adoption.h"
#include "server/app/run_and_wait.h"
#include "tests/app/scratch_dir.h"
#include "tests/testing/scripted_token_endpoint.h"

namespace token_service::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BrokerTest : public ::testing::Test {
 protected:
  BrokerTest() {
    config_.data_dir = dir_.Path("data");
    auto storage = OpenStorage(config_);
    EXPECT_TRUE(storage.ok()) << storage.status();
    storage_ = *std::move(storage);
    auto played = std::make_unique<token_service::testing::ScriptedTokenEndpoint>(SystemClock());
    provider_ = played.get();
    broker_ = MakeBroker(storage_, {.transport = nullptr, .endpoint = std::move(played)},
                         config_.limits, SystemClock());
  }

  void Declare(const std::string& name, const std::string& file) {
    DeclaredCredential declared;
    declared.settings.name = name;
    declared.settings.client_id = "client";
    declared.settings.token_endpoint = "https://provider.example/token";
    declared.refresh_token_file = file;
    config_.credentials.push_back(std::move(declared));
  }

  CredentialCatalog::Taken PutInForce() {
    auto read = ReadDeclarations(
        config_, [] {}, [](absl::Duration) {});
    EXPECT_TRUE(read.ok()) << read.status();
    auto taken = broker_->catalog.PutInForce(*std::move(read), [] {});
    EXPECT_TRUE(taken.ok()) << taken.status();
    return *std::move(taken);
  }

  void AwaitGeneration(const std::string& name, uint64_t generation) {
    for (;;) {
      const auto status = broker_->scheduler.Status(name);
      if (status.has_value() && status->generation >= generation) return;
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  std::vector<std::string> Sent() const {
    std::vector<std::string> tokens;
    for (const auto& post : provider_->posts()) tokens.push_back(post.refresh_token);
    return tokens;
  }

  ScratchDir dir_;
  ServerConfig config_;
  Storage storage_;
  token_service::testing::ScriptedTokenEndpoint* provider_ = nullptr;
  std::unique_ptr<Broker> broker_;
};

TEST_F(BrokerTest, AsksNobodyForAnythingUntilItTakesUpWhatIsStored) {
  Declare("a", dir_.Write("a.token", "seed"));
  const CredentialCatalog::Taken taken = PutInForce();
  EXPECT_THAT(Sent(), IsEmpty());
  RunAndWait(broker_->registrar, [&] { broker_->registry.TakeUp(taken.stored); });
  AwaitGeneration("a", 1);
  EXPECT_THAT(Sent(), ElementsAre("seed"));
  EXPECT_TRUE(broker_->cache.Find("a", SystemClock().Now()).has_value());
}

TEST_F(BrokerTest, AFileThatChangesIsAdoptedUntilItsAdoptionStops) {
  Declare("a", dir_.Write("a.token", "seed"));
  const CredentialCatalog::Taken taken = PutInForce();
  Adoption adoption(broker_->catalog, broker_->scheduler, broker_->registrar);
  adoption.Poke();  // Nothing is watched yet.
  RunAndWait(broker_->registrar, [&] {
    adoption.Watch(config_.credentials);
    broker_->registry.TakeUp(taken.stored);
  });
  AwaitGeneration("a", 1);
  dir_.Write("a.token", "new");
  adoption.Poke();
  AwaitGeneration("a", 2);
  EXPECT_THAT(Sent(), ElementsAre("seed", "new"));
  adoption.Stop();
  adoption.Poke();
}

TEST_F(BrokerTest, NoTaskAndNoCallbackRunsOnceItsThreadsHaveStopped) {
  broker_->StopThreads();
  broker_->workers.Run([] { FAIL() << "was stopped"; });
  broker_->registrar.Run([] { FAIL() << "was stopped"; });
  broker_->timers.At(MonotonicTime(), [] { FAIL() << "was stopped"; });
  broker_->StopThreads();
}

}  // namespace
}  // namespace token_service::app
