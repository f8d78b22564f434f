#include "server/broker/refresher.h"

#include <gtest/gtest.h>

#include "tests/testing/begin_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/faulty_credential_store.h"
#include "tests/testing/memory_credential_store.h"
#include "tests/testing/scripted_token_endpoint.h"

namespace token_service::testing {
namespace {

using broker::Adopted;
using broker::AttemptEnd;
using broker::CredentialGone;
using broker::CredentialRecord;
using broker::Granted;
using broker::GrantState;
using broker::HeldElsewhere;
using broker::NotRecorded;
using broker::Reason;
using broker::Refreshed;
using broker::Refresher;
using broker::RefreshFailed;
using broker::RefreshResult;
using broker::Unpersisted;
using Call = FaultyCredentialStore::Call;

class RefresherTest : public ::testing::Test {
 protected:
  RefresherTest() {
    settings_.name = "alpha";
    settings_.scope = "tickets";
    settings_.token_endpoint = "https://provider.example/token";
    CredentialRecord record;
    record.name = "alpha";
    record.profile.token_endpoint = settings_.token_endpoint;
    record.refresh_token = Secret(std::string_view("alpha/0"));
    record.create_time = clock_.WallNow();
    EXPECT_TRUE(memory_.Create(record).ok());
  }

  RefreshResult Refresh(uint64_t generation = 0) { return Refresh({.generation = generation}); }
  RefreshResult Refresh(Refresher::Order order) {
    if (const auto record = memory_.Load("alpha"); record.ok()) {
      order.create_time = record->create_time;
    }
    return refresher_.Refresh(settings_, order);
  }
  // The outcome, which must be of the kind T.
  template <typename T>
  T As(RefreshResult result) {
    if (T* const outcome = std::get_if<T>(&result.outcome)) return std::move(*outcome);
    ADD_FAILURE() << "outcome " << result.outcome.index();
    return T();
  }
  CredentialRecord Record() { return *memory_.Load("alpha"); }
  void TheyBegin() { ASSERT_TRUE(memory_.Begin(BeginOf(Record(), "theirs", "them")).ok()); }
  broker::Rotation TheirRotation(uint64_t generation) {
    return {.name = "alpha",
            .attempt_id = "theirs",
            .generation = generation,
            .refresh_token = Secret(std::string_view("their refresh token")),
            .rotated = true,
            .token = {.value = Secret(std::string_view("their access token")),
                      .token_type = "Bearer",
                      .lifetime = absl::Hours(1)}};
  }

  FakeClock clock_;
  MemoryCredentialStore memory_{clock_};
  FaultyCredentialStore store_{memory_};
  ScriptedTokenEndpoint provider_{clock_};
  broker::CredentialSettings settings_;
  Refresher refresher_{{.holder = "us"}, store_, provider_, clock_};
};

// ---- granted

TEST_F(RefresherTest, WhatIsGrantedIsStored) {
  const Refreshed refreshed = As<Refreshed>(Refresh());
  EXPECT_EQ(refreshed.token->generation, 1);
  EXPECT_EQ(refreshed.token->value.Reveal(), "access-1");
  const CredentialRecord record = Record();
  EXPECT_EQ(record.generation, 1);
  EXPECT_EQ(record.refresh_token.Reveal(), "alpha/1");
  EXPECT_EQ(record.token->value.Reveal(), "access-1");
  EXPECT_TRUE(record.rotates);
  EXPECT_FALSE(record.attempt.has_value());
}

TEST_F(RefresherTest, TheAttemptIsOnRecordWhileTheRequestIsOut) {
  provider_.Meanwhile([&] {
    const CredentialRecord record = Record();
    ASSERT_TRUE(record.attempt.has_value());
    EXPECT_EQ(record.attempt->holder, "us");
    EXPECT_EQ(record.attempt->lease_end - record.attempt->begun.wall, absl::Seconds(60));
  });
  Refresh();
}

TEST_F(RefresherTest, TheLifetimeCountsFromWhenTheRequestWasSent) {
  const MonotonicTime sent = clock_.Now();
  const absl::Time sent_wall = clock_.WallNow();
  provider_.Meanwhile([&] { clock_.Advance(absl::Seconds(20)); });
  const Refreshed refreshed = As<Refreshed>(Refresh());
  EXPECT_EQ(refreshed.token->issued, sent);
  EXPECT_EQ(refreshed.token->expires, sent + absl::Hours(1));
  EXPECT_EQ(refreshed.token->expire_time, sent_wall + absl::Hours(1));
  EXPECT_EQ(Record().token->expires, sent_wall + absl::Hours(1));
}

TEST_F(RefresherTest, WithoutALifetimeTheAssumedOneCounts) {
  provider_.SetLifetime(std::nullopt);
  EXPECT_EQ(As<Refreshed>(Refresh()).token->lifetime, absl::Seconds(300));
}

TEST_F(RefresherTest, WithoutAScopeItIsTheOneAskedFor) {
  EXPECT_EQ(As<Refreshed>(Refresh()).token->scope, "tickets");
}

TEST_F(RefresherTest, AnOmittedRefreshTokenKeepsTheOldOne) {
  provider_.SetRotates(false);
  const RefreshResult result = Refresh();
  EXPECT_FALSE(result.rotates);
  EXPECT_EQ(Record().refresh_token.Reveal(), "alpha/0");
  EXPECT_FALSE(Record().rotates);
}

TEST_F(RefresherTest, TheSameRefreshTokenAgainIsNoRotation) {
  provider_.Next(
      broker::ExchangeOutcome(Granted{.access_token = Secret(std::string_view("a")),
                                      .token_type = "Bearer",
                                      .refresh_token = Secret(std::string_view("alpha/0"))}));
  EXPECT_FALSE(Refresh().rotates);
  EXPECT_FALSE(Record().rotates);
}

// ---- no token

struct Trouble {
  const char* name;
  std::function<broker::ExchangeOutcome()> answer;
  AttemptEnd end;
  Reason reason;
  bool outage;
  bool in_doubt;
  GrantState grant;
};

std::ostream& operator<<(std::ostream& out, const Trouble& trouble) { return out << trouble.name; }

class RefresherTroubleTest : public RefresherTest, public ::testing::WithParamInterface<Trouble> {};

TEST_P(RefresherTroubleTest, IsReportedAndPutOnRecord) {
  const Trouble& trouble = GetParam();
  provider_.Next(trouble.answer());
  const MonotonicTime begun = clock_.Now();
  const RefreshResult result = Refresh();
  const auto* failed = std::get_if<RefreshFailed>(&result.outcome);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(static_cast<int>(failed->end), static_cast<int>(trouble.end));
  EXPECT_EQ(ReasonName(failed->reason), ReasonName(trouble.reason));
  EXPECT_EQ(failed->outage, trouble.outage);
  EXPECT_EQ(result.doubt_since.has_value(), trouble.in_doubt);
  EXPECT_EQ(result.doubt_since.value_or(begun), begun);

  const CredentialRecord record = Record();
  EXPECT_FALSE(record.attempt.has_value());
  EXPECT_EQ(record.doubt_since.has_value(), trouble.in_doubt);
  EXPECT_EQ(static_cast<int>(record.grant), static_cast<int>(trouble.grant));
  EXPECT_EQ(record.last_error_reason, ReasonName(trouble.reason));
  EXPECT_EQ(record.consecutive_failures, 1);
  EXPECT_EQ(record.refresh_token.Reveal(), "alpha/0");
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefresherTroubleTest,
    ::testing::Values(Trouble{"NotReached", NotReached, AttemptEnd::kUnspent,
                              Reason::kProviderUnavailable, true, false, GrantState::kUsable},
                      Trouble{"Throttled", [] { return Throttled(); }, AttemptEnd::kUnspent,
                              Reason::kProviderThrottled, false, false, GrantState::kUsable},
                      Trouble{"Lost", [] { return Lost(); }, AttemptEnd::kInDoubt,
                              Reason::kProviderUnavailable, true, true, GrantState::kUsable},
                      Trouble{"Dead", Dead, AttemptEnd::kDead, Reason::kRefreshTokenRejected, false,
                              false, GrantState::kDead},
                      Trouble{"ClientRejected", ClientRejected, AttemptEnd::kClientRefused,
                              Reason::kClientRejected, false, false, GrantState::kClientRefused},
                      Trouble{"Unusable", [] { return Unusable("x"); }, AttemptEnd::kInDoubt,
                              Reason::kProviderMalformed, true, true, GrantState::kUsable}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(RefresherTest, DoubtCountsFromWhenTheLossWasNoticed) {
  for (const bool unusable : {false, true}) {
    provider_.Next([&]() -> broker::ExchangeOutcome {
      clock_.Advance(absl::Seconds(30));
      return unusable ? Unusable("x") : Lost();
    });
    const RefreshResult result = Refresh();
    EXPECT_EQ(result.doubt_since, clock_.Now());
    EXPECT_EQ(Record().doubt_since, clock_.MomentAt(clock_.Now()));
    ASSERT_TRUE(memory_.ReplaceRefreshToken("alpha", Secret(std::string_view("new"))).ok());
  }
}

TEST_F(RefresherTest, AFailureThatNeverLeftDoesNotSettleAnEarlierDoubt) {
  provider_.Next(Lost());
  const MonotonicTime doubt = *Refresh().doubt_since;
  clock_.Advance(absl::Seconds(5));
  provider_.Next(NotReached());
  EXPECT_EQ(Refresh().doubt_since, doubt);
  EXPECT_TRUE(Record().doubt_since.has_value());
}

// At a provider that was never seen to rotate, the first may be about the exchange that was lost.
TEST_F(RefresherTest, TheSecondDeadGrantSettlesAnEarlierDoubt) {
  provider_.Next(Lost());
  Refresh();
  provider_.Next(Dead());
  EXPECT_TRUE(Refresh().doubt_since.has_value());
  EXPECT_EQ(Record().grant, GrantState::kUsable);
  EXPECT_TRUE(Record().doubt_since.has_value());
  provider_.Next(Dead());
  EXPECT_FALSE(Refresh().doubt_since.has_value());
  EXPECT_EQ(Record().grant, GrantState::kDead);
  EXPECT_FALSE(Record().doubt_since.has_value());
}

TEST_F(RefresherTest, AGrantThatIsDeadOnRecordIsNotPosted) {
  provider_.Next(Dead());
  Refresh();
  EXPECT_EQ(As<RefreshFailed>(Refresh()).end, AttemptEnd::kDead);
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefresherTest, AnUnusableAnswerIsQuarantinedBeforeAnythingElse) {
  store_.Fail(Call::kQuarantine, 1);
  provider_.Next(Unusable("x"));
  Unpersisted pending = As<Unpersisted>(Refresh());
  EXPECT_EQ(store_.calls(Call::kConclude), 0);
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 0);
  const RefreshFailed failed = As<RefreshFailed>(refresher_.Persist(std::move(pending)));
  EXPECT_EQ(failed.reason, Reason::kProviderMalformed);
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
  EXPECT_TRUE(Record().doubt_since.has_value());
}

TEST_F(RefresherTest, WhatCameBesideAnErrorIsKeptAndTheErrorCounts) {
  provider_.Next(broker::GrantDead{"", {.body = Secret(std::string_view("x")), .stands = true}});
  EXPECT_EQ(As<RefreshFailed>(Refresh()).reason, Reason::kRefreshTokenRejected);
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
  EXPECT_EQ(Record().grant, GrantState::kDead);
  EXPECT_FALSE(Record().attempt.has_value());
  EXPECT_EQ(Record().refresh_token.Reveal(), "alpha/0");
}

TEST_F(RefresherTest, WhatCameBesideAPassingErrorMakesDoubtAndShowsThatTheProviderRotates) {
  provider_.Next(broker::InDoubt{Reason::kProviderThrottled,
                                 "",
                                 absl::Seconds(9),
                                 {.body = Secret(std::string_view("x")), .stands = true}});
  const RefreshResult result = Refresh();
  EXPECT_TRUE(result.rotates);
  EXPECT_TRUE(result.doubt_since.has_value());
  const auto& failed = std::get<RefreshFailed>(result.outcome);
  EXPECT_EQ(failed.reason, Reason::kProviderThrottled);
  EXPECT_EQ(failed.retry_after, absl::Seconds(9));
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
  EXPECT_TRUE(Record().doubt_since.has_value());
}

TEST_F(RefresherTest, WhatCameBesideAnErrorIsPinnedUntilTheStoreTakesIt) {
  store_.Fail(Call::kQuarantine, 1);
  provider_.Next(broker::GrantDead{"", {.body = Secret(std::string_view("x")), .stands = true}});
  Unpersisted pending = As<Unpersisted>(Refresh());
  EXPECT_EQ(refresher_.unpersisted(), 1);
  EXPECT_EQ(store_.calls(Call::kConclude), 0);
  As<RefreshFailed>(refresher_.Persist(std::move(pending)));
  EXPECT_EQ(refresher_.unpersisted(), 0);
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
  EXPECT_TRUE(Record().doubt_since.has_value()) << "the careful side";
}

// ---- several client secrets

TEST_F(RefresherTest, ARefusedClientSecretEndsItsAttemptAndTheNextHasAnother) {
  settings_.client_secrets.emplace_back(std::string_view("new"));
  settings_.client_secrets.emplace_back(std::string_view("old"));
  std::vector<std::string> attempts;
  provider_.Next([&]() -> broker::ExchangeOutcome {
    attempts.push_back(Record().attempt->id);
    return broker::ClientRefused{"HTTP 401, invalid_client", /*another_secret=*/true};
  });
  provider_.Meanwhile([&] {
    const CredentialRecord record = Record();
    attempts.push_back(record.attempt->id);
    EXPECT_EQ(record.grant, GrantState::kUsable);
    EXPECT_FALSE(record.doubt_since.has_value());
  });
  EXPECT_EQ(As<Refreshed>(Refresh()).token->generation, 1);
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_NE(attempts[0], attempts[1]);
  EXPECT_EQ(provider_.count(), 2u);
  EXPECT_EQ(Record().consecutive_failures, 0u);
}

TEST_F(RefresherTest, TheNextSecretsAttemptHasAllItsTime) {
  settings_.client_secrets.emplace_back(std::string_view("new"));
  settings_.client_secrets.emplace_back(std::string_view("old"));
  provider_.Next([&]() -> broker::ExchangeOutcome {
    clock_.Advance(absl::Seconds(29));  // Longer than an attempt may wait before it is sent.
    return broker::ClientRefused{"", /*another_secret=*/true};
  });
  provider_.Meanwhile([&] { EXPECT_EQ(Record().attempt->begun, clock_.MomentAt(clock_.Now())); });
  As<Refreshed>(Refresh());
}

TEST_F(RefresherTest, WhenTheLastSecretIsRefusedTheClientIs) {
  settings_.client_secrets.emplace_back(std::string_view("new"));
  settings_.client_secrets.emplace_back(std::string_view("old"));
  provider_.Next(broker::ClientRefused{"", /*another_secret=*/true});
  provider_.Next(ClientRejected());
  EXPECT_EQ(As<RefreshFailed>(Refresh()).end, AttemptEnd::kClientRefused);
  EXPECT_EQ(Record().grant, GrantState::kClientRefused);
  EXPECT_FALSE(Record().attempt.has_value());
}

TEST_F(RefresherTest, ThereAreNoMorePostsThanSecrets) {
  settings_.client_secrets.emplace_back(std::string_view("new"));
  settings_.client_secrets.emplace_back(std::string_view("old"));
  for (int i = 0; i < 5; ++i) provider_.Next(broker::ClientRefused{"", /*another_secret=*/true});
  EXPECT_EQ(As<RefreshFailed>(Refresh()).end, AttemptEnd::kUnspent);
  EXPECT_EQ(provider_.count(), 2u);
}

TEST_F(RefresherTest, ARefusalThatCouldNotBeRecordedReadsAsDoubt) {
  settings_.client_secrets.emplace_back(std::string_view("new"));
  settings_.client_secrets.emplace_back(std::string_view("old"));
  As<Refreshed>(Refresh());  // The provider has been seen to rotate.
  store_.Fail(Call::kConclude, 1);
  provider_.Next(broker::ClientRefused{"", /*another_secret=*/true});
  EXPECT_EQ(As<RefreshFailed>(Refresh(1)).end, AttemptEnd::kInDoubt);
  EXPECT_EQ(provider_.count(), 2u);
}

// ---- the store

TEST_F(RefresherTest, WithoutAnAttemptOnRecordNothingIsSent) {
  store_.Fail(Call::kBegin, 1);
  EXPECT_EQ(As<NotRecorded>(Refresh()).reason, Reason::kStoreUnavailable);
  EXPECT_EQ(provider_.count(), 0);
}

TEST_F(RefresherTest, AnUnknownCredentialIsGone) {
  settings_.name = "beta";
  As<CredentialGone>(Refresh());
  EXPECT_EQ(provider_.count(), 0);
}

TEST_F(RefresherTest, AnAnswerTheStoreWouldNotTakeCanBeServedAndIsPersistedLater) {
  store_.Fail(Call::kCommit, 2);
  Unpersisted pending = As<Unpersisted>(Refresh());
  EXPECT_EQ(pending.token->generation, 1);
  EXPECT_EQ(Record().generation, 0);
  pending = As<Unpersisted>(refresher_.Persist(std::move(pending)));
  EXPECT_EQ(As<Refreshed>(refresher_.Persist(std::move(pending))).token->generation, 1);
  EXPECT_EQ(Record().refresh_token.Reveal(), "alpha/1");
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefresherTest, ACommitThatHappenedThoughReportedFailedIsRecognised) {
  store_.Fail(Call::kCommit, 1, FaultyCredentialStore::When::kAfter);
  Unpersisted pending = As<Unpersisted>(Refresh());
  EXPECT_EQ(As<Refreshed>(refresher_.Persist(std::move(pending))).token->generation, 1);
  EXPECT_EQ(Record().generation, 1);
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 0);
}

TEST_F(RefresherTest, AnAttemptLeftOnRecordReadsAsDoubt) {
  Refresh();  // It rotates.
  store_.Fail(Call::kConclude, 1);
  provider_.Next(NotReached());
  Refresh(1);
  const RefreshResult result = Refresh(1);
  EXPECT_TRUE(result.doubt_since.has_value());
  EXPECT_EQ(As<RefreshFailed>(Refresh(1)).end, AttemptEnd::kInDoubt);
  EXPECT_EQ(provider_.count(), 2);
}

TEST_F(RefresherTest, DoubtOnceWeighedIsActedOn) {
  Refresh();
  provider_.Next(Lost());
  Refresh(1);
  EXPECT_EQ(As<RefreshFailed>(Refresh(1)).end, AttemptEnd::kInDoubt);
  EXPECT_EQ(provider_.count(), 2);
  const auto result = Refresh({.generation = 1, .doubt_weighed = true});
  EXPECT_TRUE(std::holds_alternative<Refreshed>(result.outcome));
  EXPECT_EQ(provider_.count(), 3);
}

// ---- in the last moment before it is sent

TEST_F(RefresherTest, AReplayIsNotSentOnceItsWindowHasEnded) {
  Refresh();
  provider_.Next(Lost());
  Refresh(1);
  const Refresher::Order replay{
      .generation = 1, .doubt_weighed = true, .send_before = clock_.Now() + absl::Seconds(5)};
  provider_.WhileConnecting([&] { clock_.Advance(absl::Seconds(5)); });
  const RefreshResult result = Refresh(replay);
  EXPECT_EQ(std::get<RefreshFailed>(result.outcome).end, AttemptEnd::kInDoubt);
  EXPECT_TRUE(result.doubt_since.has_value());
  EXPECT_EQ(provider_.count(), 2u);
  EXPECT_FALSE(Record().attempt.has_value());
  EXPECT_TRUE(Record().doubt_since.has_value());
}

TEST_F(RefresherTest, AReplayInItsWindowIsSent) {
  Refresh();
  provider_.Next(Lost());
  Refresh(1);
  const Refresher::Order replay{
      .generation = 1, .doubt_weighed = true, .send_before = clock_.Now() + absl::Seconds(5)};
  provider_.WhileConnecting([&] { clock_.Advance(absl::Seconds(4)); });
  As<Refreshed>(Refresh(replay));
  EXPECT_EQ(provider_.count(), 3u);
}

TEST_F(RefresherTest, AnAttemptThatTookTooLongToConnectIsNotSent) {
  provider_.WhileConnecting([&] { clock_.Advance(absl::Seconds(10)); });
  const RefreshResult result = Refresh();
  const auto& failed = std::get<RefreshFailed>(result.outcome);
  EXPECT_EQ(failed.end, AttemptEnd::kUnspent);
  EXPECT_EQ(failed.reason, Reason::kStoreUnavailable);
  EXPECT_EQ(failed.detail, "not sent: begun too long ago");
  EXPECT_FALSE(result.doubt_since.has_value());
  EXPECT_FALSE(Record().doubt_since.has_value());
  EXPECT_EQ(provider_.count(), 0u);
}

// ---- others

TEST_F(RefresherTest, AnotherHoldersLiveAttemptIsWaitedFor) {
  memory_.set_shared(true);
  TheyBegin();
  clock_.Advance(absl::Seconds(10));
  const HeldElsewhere held = As<HeldElsewhere>(Refresh());
  EXPECT_EQ(held.lease_left, absl::Seconds(50));
  EXPECT_EQ(provider_.count(), 0);
}

TEST_F(RefresherTest, AnOperatorsOrderTakesALiveAttemptOver) {
  memory_.set_shared(true);
  TheyBegin();
  As<Refreshed>(Refresh({.take_over = true}));
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefresherTest, AStoreThatHasGoneBackIsNeitherSentNorAdopted) {
  As<broker::Refreshed>(Refresh());
  EXPECT_EQ(As<NotRecorded>(Refresh(7)).reason, Reason::kStoreUnavailable);
  EXPECT_EQ(provider_.count(), 1);
}

TEST_F(RefresherTest, AGenerationThatMovedOnIsAdoptedWithoutAPost) {
  memory_.set_shared(true);
  TheyBegin();
  ASSERT_TRUE(memory_.Commit(TheirRotation(1)).ok());
  const Adopted adopted = As<Adopted>(Refresh());
  EXPECT_EQ(adopted.generation, 1);
  EXPECT_EQ(adopted.token->value.Reveal(), "their access token");
  EXPECT_EQ(provider_.count(), 0);
}

TEST_F(RefresherTest, AFencedAnswerIsQuarantinedAndWhatIsStoredAdopted) {
  memory_.set_shared(true);
  provider_.Meanwhile([&] {
    broker::BeginRequest begin = BeginOf(Record(), "theirs", "them");
    begin.take_over = true;
    ASSERT_TRUE(memory_.Begin(begin).ok());
    ASSERT_TRUE(memory_.Commit(TheirRotation(1)).ok());
  });
  const Adopted adopted = As<Adopted>(Refresh());
  EXPECT_EQ(adopted.token->value.Reveal(), "their access token");
  EXPECT_EQ(Record().refresh_token.Reveal(), "their refresh token");
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
}

TEST_F(RefresherTest, AFencedAnswerThatCannotBeQuarantinedIsHeld) {
  store_.Fail(Call::kQuarantine, 1);
  provider_.Meanwhile([&] {
    ASSERT_TRUE(memory_.ReplaceRefreshToken("alpha", Secret(std::string_view("new"))).ok());
  });
  Unpersisted pending = As<Unpersisted>(Refresh());
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 0);
  refresher_.Persist(std::move(pending));
  EXPECT_EQ(*memory_.CountEvidence("alpha"), 1);
  EXPECT_EQ(Record().refresh_token.Reveal(), "new");
}

// An operator has moved the credential, and the scheduler does not know yet.
TEST_F(RefresherTest, NothingIsSentWhereTheCredentialIsNoMore) {
  broker::CredentialProfile profile = Record().profile.Copy();
  profile.token_endpoint = "https://elsewhere.example/token";
  ASSERT_TRUE(memory_.Move("alpha", profile, Secret(std::string_view("theirs"))).ok());
  As<broker::SettingsOutdated>(Refresh());
  EXPECT_EQ(provider_.count(), 0);
  EXPECT_EQ(Record().refresh_token.Reveal(), "theirs");
  EXPECT_FALSE(Record().attempt.has_value());
  EXPECT_EQ(Record().consecutive_failures, 0u) << "nothing has failed";
}

}  // namespace
}  // namespace token_service::testing
