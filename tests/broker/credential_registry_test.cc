#include "server/broker/credential_registry.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/broker/client_auth.h"
#include "server/broker/refresher.h"
#include "server/broker/token_issuer.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timer_queue.h"
#include "tests/testing/memory_credential_store.h"

namespace token_service::broker {
namespace {

constexpr char kUrl[] = "https://provider.example/token";
constexpr char kAcme[] = "https://acme.example/token";
constexpr char kOtherUrl[] = "https://other.example/token";

Secret Sec(std::string_view value) { return Secret(value); }

// Runs tasks at once, or when the test says.
class StepExecutor final : public Executor {
 public:
  explicit StepExecutor(bool at_once) : at_once_(at_once) {}

  void Run(absl::AnyInvocable<void()> task) override {
    if (at_once_) return task();
    tasks_.push_back(std::move(task));
  }
  void RunAll() {
    while (!tasks_.empty()) {
      absl::AnyInvocable<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  const bool at_once_;
  std::deque<absl::AnyInvocable<void()>> tasks_;
};

// Makes of the refresh token R the access token "access of R" and never rotates.
class EchoingEndpoint final : public TokenEndpoint {
 public:
  ExchangeOutcome Exchange(const CredentialSettings& settings, const Presented& presented,
                           MonotonicTime) override {
    const std::string token(RefreshTokenOf(presented).Reveal());
    sent.push_back(absl::StrCat(token, " to ", settings.token_endpoint));
    if (during) std::exchange(during, nullptr)();
    if (token == dead) return GrantDead{"known to be dead"};
    return Granted{.access_token = Sec("access of " + token),
                   .token_type = "Bearer",
                   .expires_in = absl::Hours(1)};
  }

  std::vector<std::string> sent;
  std::string dead;
  absl::AnyInvocable<void()> during;  // Once, while an exchange is in the air.
};

class FailingStore final : public testing::MemoryCredentialStore {
 public:
  absl::StatusOr<CommitOutcome> Commit(const Rotation& rotation) override {
    if (full) return absl::UnavailableError("disk full");
    return MemoryCredentialStore::Commit(rotation);
  }
  absl::StatusOr<Applied> Apply(absl::Span<const CredentialChange> changes,
                                absl::FunctionRef<void()> progress) override {
    if (full) return absl::UnavailableError("disk full");
    return MemoryCredentialStore::Apply(changes, progress);
  }
  bool full = false;
};

class FakeSettings final : public SettingsSource {
 public:
  CredentialSettingsPtr SettingsOf(const CredentialRecord& record) const override {
    CredentialSettings settings;
    settings.name = record.name;
    settings.purpose = record.profile.purpose;
    settings.client_id = record.profile.client_id;
    settings.token_endpoint = record.profile.token_endpoint;
    settings.scope = record.profile.scope;
    settings.client_auth = ClientAuthFromName(record.profile.client_auth).value();
    settings.refresh = refresh;
    return std::make_shared<const CredentialSettings>(std::move(settings));
  }
  bool Declares(std::string_view name) const override { return name == declared; }
  std::optional<ProfileDefaults> DefaultsFor(std::string_view provider) const override {
    if (provider == "acme") return ProfileDefaults{kAcme, "", "client_secret_post"};
    if (!provider.empty()) return std::nullopt;
    return ProfileDefaults{kUrl, "by-default", "none"};
  }
  bool PermitsOrigin(std::string_view origin) const override {
    return origin != "https://elsewhere.example:443";
  }
  bool SecretsGoTo(std::string_view provider, std::string_view token_endpoint) const override {
    return provider != "acme" || token_endpoint == kAcme;
  }
  bool HasDefaultClientKey(std::string_view token_endpoint) const override {
    return client_key && token_endpoint == kUrl;
  }

  bool client_key = false;
  RefreshMode refresh = RefreshMode::kEager;
  std::string declared = "declared";
};

class Caller final : public TokenIssuer::Waiter {
 public:
  void OnAnswer(TokenAnswer answer) override { answer_ = std::move(answer); }
  // The token, the reason there is none, or "waiting".
  std::string outcome() const {
    if (!answer_.has_value()) return "waiting";
    if (const auto* token = std::get_if<AccessTokenPtr>(&*answer_)) {
      return std::string((*token)->value.Reveal());
    }
    return std::string(ReasonName(std::get<Refusal>(*answer_).reason));
  }

 private:
  std::optional<TokenAnswer> answer_;
};

class CredentialRegistryTest : public ::testing::Test {
 protected:
  CredentialRegistryTest() { scheduler_.AddListener(&issuer_); }

  // What an operation came to: "ok", the refusal's reason, or "waiting".
  struct Result {
    std::string text = "waiting";
    std::optional<CredentialStatus> status;

    CredentialRegistry::Done Done() {
      return [this](CredentialRegistry::Outcome outcome) {
        if (auto* refusal = std::get_if<Refusal>(&outcome)) {
          text = std::string(ReasonName(refusal->reason));
        } else {
          text = "ok";
          status = std::get<CredentialStatus>(std::move(outcome));
        }
      };
    }
    CredentialRegistry::Deleted Deleted() {
      return [this](const std::optional<Refusal>& refusal) {
        text = refusal.has_value() ? std::string(ReasonName(refusal->reason)) : "ok";
      };
    }
  };

  static NewCredential New(const std::string& name, const std::string& refresh_token,
                           const std::string& url = "") {
    return {.name = name,
            .profile = {.client_id = "client", .token_endpoint = url},
            .refresh_token = Sec(refresh_token)};
  }

  std::string Create(const std::string& name, const std::string& refresh_token) {
    Result result;
    registry_.Create(New(name, refresh_token), result.Done());
    return result.text;
  }
  std::string Delete(const std::string& name) {
    Result result;
    registry_.Delete(name, result.Deleted());
    return result.text;
  }
  std::string Replace(const std::string& name, const std::string& refresh_token) {
    Result result;
    registry_.ReplaceRefreshToken(name, Sec(refresh_token), result.Done());
    return result.text;
  }
  std::string Token(const std::string& name) {
    auto found = cache_.Find(name, clock_.Now());
    if (!found.has_value()) return "no credential";
    return found->token == nullptr ? "none" : std::string(found->token->value.Reveal());
  }

  testing::FakeClock clock_;
  testing::FakeTimerQueue timers_{clock_};
  FailingStore store_;
  EchoingEndpoint provider_;
  TokenCache cache_;
  Refresher refresher_{{.holder = "us"}, store_, provider_, clock_};
  StepExecutor flights_{/*at_once=*/false};
  RefreshScheduler scheduler_{{}, refresher_, cache_, flights_, timers_, clock_};
  TokenIssuer issuer_{{}, cache_, scheduler_, timers_, clock_};
  FakeSettings settings_;
  StepExecutor changes_{/*at_once=*/true};
  CredentialRegistry registry_{store_, scheduler_, settings_, changes_, clock_};
};

TEST_F(CredentialRegistryTest, ACreatedCredentialIsExchangedAtOnce) {
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  EXPECT_EQ(Token("inbox"), "none");
  flights_.RunAll();
  EXPECT_EQ(Token("inbox"), "access of R1");
}

TEST_F(CredentialRegistryTest, EvenWhenRefreshedOnDemandOnly) {
  settings_.refresh = RefreshMode::kOnDemand;
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  flights_.RunAll();
  EXPECT_EQ(Token("inbox"), "access of R1");
}

TEST_F(CredentialRegistryTest, WhatTheOperatorLeavesOutComesFromTheDefaults) {
  Result result;
  registry_.Create(New("inbox", "R1"), result.Done());
  ASSERT_TRUE(result.status.has_value());
  EXPECT_EQ(result.status->settings->token_endpoint, kUrl);
  EXPECT_EQ(result.status->settings->scope, "by-default");
}

TEST_F(CredentialRegistryTest, PrivateKeyJwtNeedsAKeyOfTheConfiguration) {
  NewCredential wanted = New("inbox", "R1");
  wanted.profile.client_auth = "private_key_jwt";
  std::optional<Refusal> refusal;
  registry_.Create(std::move(wanted), [&](CredentialRegistry::Outcome outcome) {
    refusal = std::get<Refusal>(std::move(outcome));
  });
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->reason, Reason::kInvalidRequest);
  EXPECT_EQ(refusal->field, "client_auth");
  EXPECT_EQ(
      refusal->message,
      "client_auth: private_key_jwt needs client_key_file in the configuration's defaults, and "
      "their token_endpoint");

  EXPECT_EQ(Create("inbox", "R1"), "ok");
  ProfileChange change;
  change.client_auth = "private_key_jwt";
  Result updated;
  registry_.Update("inbox", std::move(change), updated.Done());
  EXPECT_EQ(updated.text, "INVALID_REQUEST");

  settings_.client_key = true;
  wanted = New("outbox", "R2");
  wanted.profile.client_auth = "private_key_jwt";
  Result created;
  registry_.Create(std::move(wanted), created.Done());
  EXPECT_EQ(created.text, "ok");

  // Elsewhere it would speak for whoever asks.
  wanted = New("other", "R3", kOtherUrl);
  wanted.profile.client_auth = "private_key_jwt";
  Result elsewhere;
  registry_.Create(std::move(wanted), elsewhere.Done());
  EXPECT_EQ(elsewhere.text, "INVALID_REQUEST");
}

TEST_F(CredentialRegistryTest, SecretsGoOnlyWhereTheConfigurationPermits) {
  Result created;
  registry_.Create(New("inbox", "R1", "https://ELSEWHERE.example/token"), created.Done());
  EXPECT_EQ(created.text, "INVALID_REQUEST");
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  ProfileChange change;
  change.token_endpoint = "https://elsewhere.example:443/x";
  change.refresh_token = Sec("R2");
  Result updated;
  registry_.Update("inbox", std::move(change), updated.Done());
  EXPECT_EQ(updated.text, "INVALID_REQUEST");
  flights_.RunAll();
  EXPECT_EQ(provider_.sent, std::vector<std::string>{absl::StrCat("R1 to ", kUrl)});
}

// The refusal's field, or "ok".
std::string Missing(CredentialRegistry& registry, const std::string& name, ProfileChange change) {
  std::string missing = "waiting";
  registry.Update(name, std::move(change), [&missing](CredentialRegistry::Outcome outcome) {
    const auto* const refusal = std::get_if<Refusal>(&outcome);
    missing = refusal == nullptr ? "ok" : refusal->field;
    if (refusal != nullptr) {
      EXPECT_EQ(refusal->reason, Reason::kSecretRequired);
    }
  });
  return missing;
}

TEST_F(CredentialRegistryTest, WhereASecretGoesChangesOnlyWithTheSecret) {
  settings_.client_key = true;
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  flights_.RunAll();
  const auto with = [](auto member, const std::string& value) {
    ProfileChange change;
    change.*member = value;
    return change;
  };
  using Change = ProfileChange;
  // Another place, in whatever words.
  for (const char* url :
       {kOtherUrl, "https://provider.example:8443/token", "https://provider.example./token",
        "http://127.0.0.1/token", "https://provider.example.evil.example/token"}) {
    EXPECT_EQ(Missing(registry_, "inbox", with(&Change::token_endpoint, url)), "refresh_token")
        << url;
  }
  for (const char* auth : {"private_key_jwt"}) {
    EXPECT_EQ(Missing(registry_, "inbox", with(&Change::client_auth, auth)), "refresh_token");
  }
  // The same place: another path, another spelling.
  for (const char* url :
       {"https://provider.example/token2", "HTTPS://Provider.Example:443/token"}) {
    EXPECT_EQ(Missing(registry_, "inbox", with(&Change::token_endpoint, url)), "ok") << url;
  }
  // Who it speaks as, where only a client_id says so, is no secret's way.
  EXPECT_EQ(Missing(registry_, "inbox", with(&Change::client_id, "other")), "ok");
  flights_.RunAll();
  for (const std::string& sent : provider_.sent) EXPECT_NE(sent.find("R1 to "), std::string::npos);

  // Brought along, it goes there, and the old one never.
  ProfileChange moved = with(&Change::token_endpoint, kOtherUrl);
  moved.refresh_token = Sec("R2");
  provider_.sent.clear();
  EXPECT_EQ(Missing(registry_, "inbox", std::move(moved)), "ok");
  flights_.RunAll();
  EXPECT_EQ(provider_.sent, std::vector<std::string>{absl::StrCat("R2 to ", kOtherUrl)});
  EXPECT_EQ(Token("inbox"), "access of R2");
}

TEST_F(CredentialRegistryTest, AClientSecretMovesOnlyWithItself) {
  NewCredential wanted = New("inbox", "R1");
  wanted.profile.client_auth = "client_secret_post";
  wanted.profile.client_secret = Sec("hush");
  Result created;
  registry_.Create(std::move(wanted), created.Done());
  ASSERT_EQ(created.text, "ok");
  ProfileChange change;
  change.token_endpoint = kOtherUrl;
  change.refresh_token = Sec("R2");
  EXPECT_EQ(Missing(registry_, "inbox", std::move(change)), "client_secret");
  ProfileChange basic;
  basic.client_auth = "client_secret_basic";
  basic.refresh_token = Sec("R2");
  EXPECT_EQ(Missing(registry_, "inbox", std::move(basic)), "client_secret");
}

TEST_F(CredentialRegistryTest, WhoSignsWithTheConfigurationsKeyCannotBecomeSomebodyElse) {
  settings_.client_key = true;
  NewCredential wanted = New("inbox", "R1");
  wanted.profile.client_auth = "private_key_jwt";
  Result created;
  registry_.Create(std::move(wanted), created.Done());
  ASSERT_EQ(created.text, "ok");
  ProfileChange change;
  change.client_id = "victim";
  EXPECT_EQ(Missing(registry_, "inbox", std::move(change)), "refresh_token");
}

TEST_F(CredentialRegistryTest, ATakenNameIsRefused) {
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  EXPECT_EQ(Create("inbox", "R2"), "CREDENTIAL_EXISTS");
}

TEST_F(CredentialRegistryTest, WhatCannotBeStoredIsNotServed) {
  store_.full = true;
  EXPECT_EQ(Create("inbox", "R1"), "STORE_UNAVAILABLE");
  EXPECT_EQ(Token("inbox"), "no credential");
}

TEST_F(CredentialRegistryTest, ADeclaredCredentialIsOnlyGivenNewGrants) {
  CredentialRecord record;
  record.name = "declared";
  record.profile = {.client_id = "client", .token_endpoint = kUrl, .client_auth = "none"};
  record.refresh_token = Sec("R1");
  ASSERT_TRUE(store_.Create(record).ok());
  scheduler_.Add(settings_.SettingsOf(record), record);
  flights_.RunAll();

  Result update;
  registry_.Update("declared", {.purpose = "x"}, update.Done());
  EXPECT_EQ(update.text, "MANAGED_BY_CONFIG");
  EXPECT_EQ(Delete("declared"), "MANAGED_BY_CONFIG");
  EXPECT_EQ(Replace("declared", "R2"), "ok");
  EXPECT_EQ(Token("declared"), "access of R1");
  flights_.RunAll();
  EXPECT_EQ(Token("declared"), "access of R2");
}

TEST_F(CredentialRegistryTest, ANewGrantRevivesADeadCredential) {
  provider_.dead = "R1";
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  flights_.RunAll();
  EXPECT_EQ(registry_.Get("inbox")->state, CredentialState::kNeedsReauthorization);
  EXPECT_EQ(Replace("inbox", "R2"), "ok");
  flights_.RunAll();
  EXPECT_EQ(registry_.Get("inbox")->state, CredentialState::kActive);
  EXPECT_EQ(Token("inbox"), "access of R2");
}

TEST_F(CredentialRegistryTest, ADisabledCredentialTakesNoGrant) {
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  ASSERT_TRUE(store_.Disable("inbox").ok());
  EXPECT_EQ(Replace("inbox", "R2"), "CREDENTIAL_DISABLED");
  EXPECT_TRUE(store_.Load("inbox")->disabled);
}

TEST_F(CredentialRegistryTest, AnUpdateThatMakesNoSenseChangesNothing) {
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  Result update;
  registry_.Update("inbox", {.client_auth = "client_secret_post"}, update.Done());
  EXPECT_EQ(update.text, "INVALID_REQUEST");
  EXPECT_EQ(store_.Load("inbox")->profile.client_auth, "none");
}

TEST_F(CredentialRegistryTest, DeletingEndsWaitersAndTheNextRefresh) {
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  Caller caller;
  issuer_.Wait({.credential = "inbox"}, &caller);
  EXPECT_EQ(Delete("inbox"), "ok");
  EXPECT_EQ(caller.outcome(), "CREDENTIAL_NOT_FOUND");
  flights_.RunAll();
  EXPECT_TRUE(provider_.sent.empty()) << "the refresh token was purged before it was sent";
  EXPECT_EQ(Delete("inbox"), "CREDENTIAL_NOT_FOUND");
}

TEST_F(CredentialRegistryTest, ANameIsNotGivenAwayWhileTheOldGrantIsInTheAir) {
  EXPECT_EQ(Create("inbox", "old"), "ok");
  Result created;
  provider_.during = [&] {
    EXPECT_EQ(Delete("inbox"), "ok");
    registry_.Create(New("inbox", "new", kOtherUrl), created.Done());
    EXPECT_EQ(created.text, "waiting");
  };
  flights_.RunAll();
  EXPECT_EQ(created.text, "ok");
  EXPECT_EQ(Token("inbox"), "access of new");
  EXPECT_EQ(provider_.sent, (std::vector<std::string>{absl::StrCat("old to ", kUrl),
                                                      absl::StrCat("new to ", kOtherUrl)}));
  EXPECT_EQ(*store_.CountEvidence("inbox"), 0);
}

TEST_F(CredentialRegistryTest, AFlightThatHasNotBegunDoesNotTakeTheNewGrant) {
  EXPECT_EQ(Create("inbox", "old"), "ok");  // Its flight waits for a worker.
  EXPECT_EQ(Delete("inbox"), "ok");
  Result created;
  registry_.Create(New("inbox", "new", kOtherUrl), created.Done());
  EXPECT_EQ(created.text, "waiting");
  flights_.RunAll();
  EXPECT_EQ(created.text, "ok");
  EXPECT_EQ(provider_.sent, std::vector<std::string>{absl::StrCat("new to ", kOtherUrl)});
}

TEST_F(CredentialRegistryTest, AnAnswerThatCouldNotBeStoredGoesWithItsCredential) {
  EXPECT_EQ(Create("inbox", "old"), "ok");
  store_.full = true;
  flights_.RunAll();
  EXPECT_EQ(scheduler_.unpersisted(), 1);
  EXPECT_EQ(Token("inbox"), "access of old");
  store_.full = false;
  EXPECT_EQ(Delete("inbox"), "ok");
  EXPECT_EQ(scheduler_.unpersisted(), 0);
  EXPECT_EQ(Create("inbox", "new"), "ok");
  EXPECT_EQ(Token("inbox"), "none");
  flights_.RunAll();
  EXPECT_EQ(Token("inbox"), "access of new");
}

TEST_F(CredentialRegistryTest, CreationsThatWaitAreRefusedAtTheEnd) {
  EXPECT_EQ(Create("inbox", "old"), "ok");
  EXPECT_EQ(Delete("inbox"), "ok");
  Result created;
  registry_.Create(New("inbox", "new"), created.Done());
  registry_.RefuseWaiting();
  EXPECT_EQ(created.text, "SHUTTING_DOWN");
  flights_.RunAll();
  EXPECT_EQ(Token("inbox"), "no credential");
}

TEST_F(CredentialRegistryTest, ListsByNameFromAnywhere) {
  for (const char* name : {"c", "a", "b"}) EXPECT_EQ(Create(name, name), "ok");
  const auto names = [&](std::string_view after, size_t most) {
    std::string text;
    for (const CredentialStatus& status : registry_.List(after, most))
      text += status.settings->name;
    return text;
  };
  EXPECT_EQ(names("", 10), "abc");
  EXPECT_EQ(names("", 2), "ab");
  EXPECT_EQ(names("a", 10), "bc");
  EXPECT_EQ(names("aa", 1), "b");
  EXPECT_EQ(names("c", 10), "");
}

TEST_F(CredentialRegistryTest, AnOperatorsRefreshBringsANewTokenThoughTheOldIsGood) {
  EXPECT_EQ(Create("inbox", "R1"), "ok");
  flights_.RunAll();
  Caller caller;
  issuer_.Refresh("inbox", &caller);
  EXPECT_EQ(caller.outcome(), "waiting");
  flights_.RunAll();
  EXPECT_EQ(caller.outcome(), "access of R1");
  EXPECT_EQ(registry_.Get("inbox")->generation, 2u);
}

// ---- what is declared

class DeclarationsTest : public CredentialRegistryTest {
 protected:
  DeclarationsTest() {
    CredentialRecord record;
    record.name = "declared";
    record.profile = {.client_id = "client",
                      .token_endpoint = kUrl,
                      .client_auth = "none",
                      .managed_by_config = true};
    record.refresh_token = Sec("R1");
    EXPECT_TRUE(store_.Create(record).ok());
    TakeUp();
    flights_.RunAll();
  }

  // As the plan of a reload has it.
  void Drop() {
    settings_.declared = "";
    ASSERT_TRUE(store_.Disable("declared").ok());
    TakeUp();
  }
  void TakeUp() {
    std::vector<CredentialRecord> stored;
    EXPECT_TRUE(
        store_.ForEach([&](CredentialRecord record) { stored.push_back(std::move(record)); }).ok());
    registry_.TakeUp(stored);
  }
  CredentialState State() { return registry_.Get("declared")->state; }
};

TEST_F(DeclarationsTest, WhatIsStoredIsServed) { EXPECT_EQ(Token("declared"), "access of R1"); }

TEST_F(DeclarationsTest, OneThatIsDroppedIsNobodysAndCanOnlyBeDeleted) {
  Drop();
  EXPECT_EQ(State(), CredentialState::kDisabled);
  EXPECT_EQ(Token("declared"), "none");
  EXPECT_EQ(Replace("declared", "R2"), "CREDENTIAL_DISABLED");
  EXPECT_EQ(Delete("declared"), "ok");
  EXPECT_EQ(Token("declared"), "no credential");
}

TEST_F(DeclarationsTest, EvenIfItsGrantIsDead) {
  provider_.dead = "R2";
  EXPECT_EQ(Replace("declared", "R2"), "ok");
  flights_.RunAll();
  ASSERT_EQ(State(), CredentialState::kNeedsReauthorization);
  Drop();
  EXPECT_EQ(State(), CredentialState::kDisabled);
  EXPECT_EQ(Replace("declared", "R3"), "CREDENTIAL_DISABLED");
}

TEST_F(DeclarationsTest, DeclaredAgainItIsServedAgain) {
  Drop();
  settings_.declared = "declared";
  ASSERT_TRUE(store_.Enable("declared").ok());
  TakeUp();
  EXPECT_EQ(State(), CredentialState::kActive);
  EXPECT_EQ(Token("declared"), "access of R1");
}

TEST_F(DeclarationsTest, SettingsThatChangedAreHandedOn) {
  EXPECT_EQ(Create("made", "R5"), "ok");
  settings_.refresh = RefreshMode::kOnDemand;
  TakeUp();
  EXPECT_EQ(registry_.Get("declared")->settings->refresh, RefreshMode::kOnDemand);
  EXPECT_EQ(registry_.Get("made")->settings->refresh, RefreshMode::kOnDemand);
}

TEST_F(DeclarationsTest, ANameThatIsStillInTheAirIsKnownToBe) {
  Result deleted;
  EXPECT_EQ(Create("made", "old"), "ok");
  provider_.during = [&] { registry_.Delete("made", deleted.Deleted()); };
  flights_.RunAll();
  EXPECT_EQ(deleted.text, "ok");
  EXPECT_FALSE(registry_.Departing("made")) << "it has landed";
}

}  // namespace
}  // namespace token_service::broker
