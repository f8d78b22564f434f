#include "server/app/credential_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_credential_store.h"

namespace token_service::app {
namespace {

using broker::CredentialRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Secret Sec(std::string_view text) { return Secret(text); }

// Refuses changes as it is told to.
class RefusingStore final : public token_service::testing::MemoryCredentialStore {
 public:
  using MemoryCredentialStore::MemoryCredentialStore;

  absl::StatusOr<broker::Applied> Apply(absl::Span<const broker::CredentialChange> changes,
                                        absl::FunctionRef<void()> progress) override {
    if (refusals > 0) {
      --refusals;
      return refusal;
    }
    return MemoryCredentialStore::Apply(changes, progress);
  }

  int refusals = 0;
  absl::Status refusal = absl::UnavailableError("disk full");
};

class CredentialCatalogTest : public ::testing::Test {
 protected:
  static void Declare(Declarations& into, const std::string& name, absl::StatusOr<Secret> token) {
    broker::CredentialSettings settings;
    settings.name = name;
    settings.client_id = "declared";
    settings.token_endpoint = "https://declared.example/token";
    into.credentials.insert_or_assign(
        name, Declared{.settings =
                           std::make_shared<const broker::CredentialSettings>(std::move(settings)),
                       .refresh_token_file = name + ".token",
                       .refresh_token = std::move(token)});
  }
  static Declarations Declaring(const std::string& name, std::string_view token) {
    Declarations declared;
    Declare(declared, name, Secret(token));
    return declared;
  }

  void MakeByRpc(const std::string& name, std::string_view token) {
    CredentialRecord record;
    record.name = name;
    record.profile.client_id = "of the call";
    record.profile.token_endpoint = "https://rpc.example/token";
    record.profile.client_auth = "none";
    record.refresh_token = Secret(token);
    ASSERT_TRUE(store_.Create(record).ok());
  }

  absl::StatusOr<CredentialCatalog::Taken> Put(Declarations declared) {
    return catalog_.PutInForce(std::move(declared), [] {});
  }

  std::string StoredToken(const std::string& name) {
    const auto record = store_.Load(name);
    return record.ok() ? std::string(record->refresh_token.Reveal())
                       : std::string(record.status().message());
  }
  std::string ClientOf(const std::string& name) {
    const auto record = store_.Load(name);
    return record.ok() ? catalog_.SettingsOf(*record)->client_id : "";
  }

  token_service::testing::FakeClock clock_;
  RefusingStore store_{clock_};
  CredentialCatalog catalog_{store_, clock_};
};

TEST_F(CredentialCatalogTest, WhatIsPutInForceIsStoredAndTold) {
  MakeByRpc("made", "live");
  const auto taken = Put(Declaring("a", "seed"));
  ASSERT_TRUE(taken.ok()) << taken.status();
  std::vector<std::string> names;
  for (const CredentialRecord& record : taken->stored) names.push_back(record.name);
  EXPECT_THAT(names, ElementsAre("a", "made"));
  EXPECT_THAT(taken->adopted, IsEmpty()) << "it is new";
  EXPECT_EQ(StoredToken("a"), "seed");
  EXPECT_TRUE(catalog_.Declares("a"));
  EXPECT_FALSE(catalog_.Declares("made"));
}

TEST_F(CredentialCatalogTest, AChangedFileIsAdoptedAtTheNextReload) {
  ASSERT_TRUE(Put(Declaring("a", "seed")).ok());
  const auto taken = Put(Declaring("a", "new"));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_THAT(taken->adopted, ElementsAre("a"));
  EXPECT_EQ(StoredToken("a"), "new");
}

TEST_F(CredentialCatalogTest, WhatTheStoreRefusesLeavesWhatIsInForce) {
  ASSERT_TRUE(Put(Declaring("a", "seed")).ok());
  store_.refusals = 1;
  EXPECT_EQ(Put(Declaring("b", "other")).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(catalog_.Declares("a"));
  EXPECT_FALSE(catalog_.Declares("b"));
  EXPECT_TRUE(absl::IsNotFound(store_.Load("b").status()));
}

TEST_F(CredentialCatalogTest, ANewCredentialWithASpentTokenIsMadeWithoutOneAndTheOthersAreServed) {
  ASSERT_TRUE(Put(Declaring("first", "seed")).ok());
  ASSERT_EQ(*catalog_.AdoptFromFile("first", Sec("new")), true);
  Declarations declared = Declaring("a", "seed");
  Declare(declared, "b", Sec("good"));
  const auto taken = Put(std::move(declared));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_THAT(taken->adopted, IsEmpty());
  EXPECT_EQ(StoredToken("a"), "");
  EXPECT_EQ(store_.Load("a")->grant, broker::GrantState::kDead);
  EXPECT_EQ(store_.Load("a")->last_error_reason, "REFRESH_TOKEN_SPENT");
  EXPECT_EQ(StoredToken("b"), "good");
}

TEST_F(CredentialCatalogTest, WhatIsTakenIsAsTheStoreHasItWithoutRefreshTokens) {
  ASSERT_TRUE(Put(Declaring("dropped", "seed")).ok());
  const auto taken = Put(Declaring("made", "other"));
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_EQ(taken->stored.size(), 2u);
  EXPECT_TRUE(taken->stored[0].disabled);
  for (const broker::CredentialRecord& record : taken->stored) {
    EXPECT_EQ(record.grant_serial, store_.Load(record.name)->grant_serial);
    EXPECT_TRUE(record.refresh_token.empty());
    EXPECT_TRUE(record.seed.empty());
  }
}

TEST_F(CredentialCatalogTest, AStoredNameThatIsNoneIsPassedOver) {
  MakeByRpc("not a name\n", "live");
  const auto taken = Put(Declarations());
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_THAT(taken->stored, IsEmpty());
}

TEST_F(CredentialCatalogTest, OnlyWhatIsNotStoredNeedsItsFile) {
  ASSERT_TRUE(Put(Declaring("stored", "seed")).ok());
  Declarations declared;
  Declare(declared, "stored", absl::NotFoundError("stored.token: gone"));
  Declare(declared, "new", absl::InvalidArgumentError("new.token: gone"));
  const auto refused = Put(std::move(declared));
  EXPECT_EQ(refused.status(), absl::InvalidArgumentError("new.token: gone"));
  EXPECT_FALSE(catalog_.Declares("new"));
  Declarations stored_only;
  Declare(stored_only, "stored", absl::NotFoundError("stored.token: gone"));
  EXPECT_TRUE(Put(std::move(stored_only)).ok());
  EXPECT_EQ(StoredToken("stored"), "seed");
}

// ---- token files that change while the server runs

TEST_F(CredentialCatalogTest, NewsInAFileAreAdoptedOnce) {
  ASSERT_TRUE(Put(Declaring("a", "seed")).ok());
  EXPECT_EQ(*catalog_.AdoptFromFile("a", Sec("seed")), false);
  EXPECT_EQ(*catalog_.AdoptFromFile("a", Sec("new")), true);
  EXPECT_EQ(StoredToken("a"), "new");
  EXPECT_EQ(*catalog_.AdoptFromFile("a", Sec("new")), false);
}

TEST_F(CredentialCatalogTest, ASpentTokenInAFileIsNotAdopted) {
  ASSERT_TRUE(Put(Declaring("a", "seed")).ok());
  ASSERT_EQ(*catalog_.AdoptFromFile("a", Sec("new")), true);
  EXPECT_EQ(*catalog_.AdoptFromFile("a", Sec("seed")), false);
  EXPECT_EQ(StoredToken("a"), "new");
}

TEST_F(CredentialCatalogTest, AFileOfWhatIsNotStoredIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(catalog_.AdoptFromFile("gone", Sec("new")).status()));
}

TEST_F(CredentialCatalogTest, NewsThatTheStoreRefusesAreAnError) {
  ASSERT_TRUE(Put(Declaring("a", "seed")).ok());
  store_.refusals = 1;
  EXPECT_EQ(catalog_.AdoptFromFile("a", Sec("new")).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(*catalog_.AdoptFromFile("a", Sec("new")), true) << "it is brought again";
}

// ---- settings

TEST_F(CredentialCatalogTest, SettingsAreTheConfigurationsOrTheCalls) {
  MakeByRpc("made", "live");
  ASSERT_TRUE(Put(Declaring("a", "seed")).ok());
  EXPECT_EQ(ClientOf("a"), "declared");
  EXPECT_EQ(ClientOf("made"), "of the call");
}

TEST_F(CredentialCatalogTest, ACredentialMadeByRpcIsTheConfigurationsOnceItIsDeclared) {
  MakeByRpc("made", "live");
  ASSERT_TRUE(Put(Declaring("made", "of the file")).ok());
  EXPECT_EQ(ClientOf("made"), "declared");
  EXPECT_EQ(StoredToken("made"), "live") << "its own goes on";
  ASSERT_TRUE(Put(Declarations()).ok());
  EXPECT_TRUE(store_.Load("made")->disabled) << "it belongs to the configuration by now";
}

TEST_F(CredentialCatalogTest, TheDefaultsKeySignsForTheDefaultsEndpointOnly) {
  Declarations declared;
  declared.defaults.settings.token_endpoint = "https://rpc.example/token";
  declared.default_key = Sec("PEM");
  MakeByRpc("made", "live");
  ASSERT_TRUE(Put(std::move(declared)).ok());
  EXPECT_TRUE(catalog_.HasDefaultClientKey("https://rpc.example/token"));
  EXPECT_FALSE(catalog_.HasDefaultClientKey("https://other.example/token"));
  EXPECT_EQ(catalog_.SettingsOf(*store_.Load("made"))->client_key.pem.Reveal(), "PEM");
}

TEST_F(CredentialCatalogTest, OriginsAreThoseOfTheConfiguration) {
  Declarations declared;
  declared.origins = {"https://rpc.example"};
  ASSERT_TRUE(Put(std::move(declared)).ok());
  EXPECT_TRUE(catalog_.PermitsOrigin("https://rpc.example"));
  EXPECT_FALSE(catalog_.PermitsOrigin("https://oauth2.googleapis.com"));
}

}  // namespace
}  // namespace token_service::app
