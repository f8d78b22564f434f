#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/broker/observing_credential_store.h"
#include "server/broker/observing_token_endpoint.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_credential_store.h"
#include "tests/testing/scripted_token_endpoint.h"

namespace token_service::testing {
namespace {

using telemetry::Histogram;
using telemetry::Label;
using telemetry::MetricType;

// `name{label values}` → value; of a histogram, how many and their sum.
class Samples final : public telemetry::MetricsSink {
 public:
  explicit Samples(const telemetry::MetricsSource& source) { source.Collect(*this); }

  void Family(MetricType, std::string_view name, std::string_view) override { name_ = name; }
  void Sample(std::initializer_list<Label> labels, double value) override {
    samples_[Key("", labels)] = value;
  }
  void Sample(std::initializer_list<Label> labels, const Histogram& histogram) override {
    uint64_t count = 0;
    for (size_t i = 0; i <= histogram.bounds().size(); ++i) count += histogram.count(i);
    samples_[Key("_count", labels)] = static_cast<double>(count);
    samples_[Key("_sum", labels)] = histogram.sum_seconds();
  }

  double operator[](const std::string& key) const {
    const auto found = samples_.find(key);
    return found == samples_.end() ? -1 : found->second;
  }

 private:
  std::string Key(std::string_view suffix, std::initializer_list<Label> labels) const {
    std::string key = name_ + std::string(suffix);
    for (const Label& label : labels) key += " " + std::string(label.value);
    return key;
  }

  std::string name_;
  std::map<std::string, double> samples_;
};

TEST(ObservingTokenEndpointTest, CountsEachOutcomeAndHandsItOn) {
  FakeClock clock;
  ScriptedTokenEndpoint provider(clock);
  telemetry::ExchangeMetrics metrics;
  broker::ObservingTokenEndpoint endpoint(provider, metrics, clock);
  broker::CredentialSettings settings;
  settings.name = "a";
  settings.token_endpoint = "https://provider.example/token?x=1";
  const Secret refresh_token(std::string_view("refresh"));
  const std::string label = " https://provider.example/token";

  provider.Next([&]() -> broker::ExchangeOutcome {
    EXPECT_EQ(Samples(metrics)["token_service_exchanges_in_flight" + label], 1);
    clock.Advance(absl::Seconds(3));
    return NotReached();
  });
  for (auto* answer : {&Lost, &Throttled}) provider.Next((*answer)(std::nullopt));
  for (auto* answer : {&Dead, &ClientRejected}) provider.Next((*answer)());
  provider.Next(Unusable("?"));
  const auto exchange = [&] {
    return endpoint.Exchange(settings, broker::PresentRefreshToken{refresh_token},
                             MonotonicTime::Never());
  };
  EXPECT_TRUE(std::holds_alternative<broker::Unspent>(exchange()));
  for (int i = 0; i < 5; ++i) exchange();
  EXPECT_TRUE(std::holds_alternative<broker::Granted>(exchange()));

  const Samples samples(metrics);
  const std::string total = "token_service_exchanges_total" + label;
  EXPECT_EQ(samples[total + " granted"], 1);
  EXPECT_EQ(samples[total + " unspent"], 2);
  EXPECT_EQ(samples[total + " in_doubt"], 1);
  EXPECT_EQ(samples[total + " dead"], 1);
  EXPECT_EQ(samples[total + " client_refused"], 1);
  EXPECT_EQ(samples[total + " malformed"], 1);
  EXPECT_EQ(samples["token_service_exchanges_in_flight" + label], 0);
  EXPECT_EQ(samples["token_service_exchange_duration_seconds_count" + label], 7);
  EXPECT_EQ(samples["token_service_exchange_duration_seconds_sum" + label], 3);
}

// A store whose transactions take a second, and fail when told to.
class SlowStore final : public MemoryCredentialStore {
 public:
  explicit SlowStore(FakeClock& clock) : clock_(clock) {}
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override {
    clock_.Advance(absl::Seconds(1));
    if (down) return absl::UnavailableError("disk full");
    return MemoryCredentialStore::Commit(rotation);
  }
  absl::Status Quarantine(const broker::Evidence& evidence) override {
    if (down) return absl::UnavailableError("disk full");
    return MemoryCredentialStore::Quarantine(evidence);
  }

  bool down = false;

 private:
  FakeClock& clock_;
};

TEST(ObservingCredentialStoreTest, CountsAndTimesAndHandsOn) {
  FakeClock clock;
  SlowStore inner(clock);
  telemetry::StoreMetrics metrics;
  broker::ObservingCredentialStore store(inner, metrics, clock);

  EXPECT_TRUE(absl::IsNotFound(store.Load("a").status()));
  broker::CredentialRecord record;
  record.name = "a";
  ASSERT_TRUE(store.Create(record).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store.Create(record)));
  EXPECT_TRUE(store.Load("a").ok());
  ASSERT_TRUE(store.Begin({.name = "a", .attempt_id = "1"}).ok());
  inner.down = true;
  EXPECT_TRUE(absl::IsUnavailable(
      store.Commit({.name = "a", .attempt_id = "1", .generation = 1}).status()));
  EXPECT_TRUE(absl::IsUnavailable(store.Quarantine({.name = "a", .attempt_id = "1"})));
  inner.down = false;
  EXPECT_TRUE(store.Commit({.name = "a", .attempt_id = "1", .generation = 1}).ok());
  EXPECT_TRUE(store.Quarantine({.name = "a", .attempt_id = "1"}).ok());
  EXPECT_TRUE(store.Delete("a").ok());

  const Samples samples(metrics);
  EXPECT_EQ(samples["token_service_store_transaction_duration_seconds_count commit"], 2);
  EXPECT_EQ(samples["token_service_store_transaction_duration_seconds_sum commit"], 2);
  EXPECT_EQ(samples["token_service_store_transaction_duration_seconds_count begin"], 1);
  EXPECT_EQ(samples["token_service_store_failures_total begin"], 0);
  EXPECT_EQ(samples["token_service_store_failures_total commit"], 1);
  EXPECT_EQ(samples["token_service_store_failures_total quarantine"], 1);
  EXPECT_EQ(samples["token_service_store_failures_total other"], 0)
      << "what does not exist, or does already, is an answer";
  EXPECT_EQ(samples["token_service_commit_failures_total"], 2);
  EXPECT_EQ(samples["token_service_quarantined_answers_total"], 1);
}

}  // namespace
}  // namespace token_service::testing
