#include "tests/broker/broker_fixture.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace token_service::testing {

using broker::AccessTokenPtr;
using broker::CredentialRecord;
using broker::CredentialSettings;
using broker::Refusal;

std::string Caller::outcome() const {
  if (!answer_.has_value()) return "waiting";
  if (const auto* token = std::get_if<AccessTokenPtr>(&*answer_)) {
    return absl::StrCat("token ", (*token)->generation);
  }
  return std::string(broker::ReasonName(std::get<Refusal>(*answer_).reason));
}

std::string Caller::access_token() const {
  if (!answer_.has_value() || !std::holds_alternative<AccessTokenPtr>(*answer_)) return "";
  return std::string(std::get<AccessTokenPtr>(*answer_)->value.Reveal());
}

std::optional<absl::Duration> Caller::retry_after() const {
  if (!answer_.has_value() || !std::holds_alternative<Refusal>(*answer_)) return std::nullopt;
  return std::get<Refusal>(*answer_).retry_after;
}

BrokerTest::Process::Process(FakeClock& clock, FaultyCredentialStore& store,
                             ScriptedTokenEndpoint& provider, const ProcessOptions& options)
    : timers(clock),
      refresher(options.refresher, store, provider, clock),
      scheduler(options.scheduler, refresher, cache, executor, timers, clock),
      issuer(options.issuer, cache, scheduler, timers, clock) {
  scheduler.AddListener(&issuer);
}

void BrokerTest::Create(const std::string& name, const Configure& configure) {
  auto settings = std::make_shared<CredentialSettings>();
  settings->name = name;
  settings->client_id = "client";
  settings->token_endpoint = std::string(kEndpoint);
  if (configure) configure(*settings);
  settings_[name] = std::move(settings);
  CredentialRecord record;
  record.name = name;
  record.profile.token_endpoint = settings_[name]->token_endpoint;
  record.refresh_token = Secret(absl::StrCat(name, "/0"));
  record.create_time = clock_.WallNow();
  ASSERT_TRUE(memory_.Create(record).ok());
}

void BrokerTest::Start() {
  process_.reset();
  process_ = std::make_unique<Process>(clock_, store_, provider_, options_);
  std::vector<CredentialRecord> records;
  ASSERT_TRUE(
      memory_.ForEach([&](CredentialRecord record) { records.push_back(std::move(record)); }).ok());
  for (const CredentialRecord& record : records) {
    scheduler().Add(settings_.at(record.name), record);
  }
}

void BrokerTest::StartAndRun() {
  Start();
  Run();
}

Caller& BrokerTest::Get(broker::TokenRequest request) {
  Caller& caller = *callers_.emplace_back(std::make_unique<Caller>());
  if (auto answer = issuer().TryGet(request); answer.has_value()) {
    caller.OnAnswer(*std::move(answer));
  } else {
    issuer().Wait(request, &caller);
  }
  return caller;
}

Caller& BrokerTest::OperatorRefresh(const std::string& name) {
  Caller& caller = *callers_.emplace_back(std::make_unique<Caller>());
  issuer().Refresh(name, &caller);
  return caller;
}

void BrokerTest::Elapse(absl::Duration by) {
  Run();
  process_->executor.RunAtOnce(true);
  process_->timers.Advance(by);
  process_->executor.RunAtOnce(false);
}

void BrokerTest::ReplaceGrant(const std::string& name, std::string_view refresh_token) {
  ASSERT_TRUE(memory_.ReplaceRefreshToken(name, Secret(refresh_token)).ok());
  scheduler().OnGrantReplaced(name, broker::RefreshScheduler::Hold::kEnds);
}

broker::CredentialStatus BrokerTest::Status(const std::string& name) {
  auto status = scheduler().Status(name);
  EXPECT_TRUE(status.has_value());
  return status.value_or(broker::CredentialStatus{});
}

CredentialRecord BrokerTest::Record(const std::string& name) {
  auto record = memory_.Load(name);
  EXPECT_TRUE(record.ok());
  return record.ok() ? *std::move(record) : CredentialRecord{};
}

std::string BrokerTest::RefreshTokenOnRecord(const std::string& name) {
  return std::string(Record(name).refresh_token.Reveal());
}

std::shared_ptr<CredentialSettings> BrokerTest::CopyOfSettings(const std::string& name) const {
  const CredentialSettings& old = *settings_.at(name);
  auto copy = std::make_shared<CredentialSettings>();
  copy->name = old.name;
  copy->client_id = old.client_id;
  copy->token_endpoint = old.token_endpoint;
  copy->refresh = old.refresh;
  return copy;
}

void BrokerTest::Store(const CredentialSettings& settings) {
  broker::CredentialProfile profile = Record(settings.name).profile.Copy();
  profile.token_endpoint = settings.token_endpoint;
  ASSERT_TRUE(memory_.UpdateProfile(settings.name, profile).ok());
}

void BrokerTest::Update(std::shared_ptr<const CredentialSettings> settings) {
  Store(*settings);
  scheduler().Update(std::move(settings));
}

}  // namespace token_service::testing
