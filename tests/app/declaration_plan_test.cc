#include "server/app/declaration_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace token_service::app {
namespace {

using broker::CredentialRecord;
using broker::GrantState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(24);

Secret Sec(std::string_view text) { return Secret(text); }

// What a change does, in a word.
std::string Said(const broker::CredentialChange& change) {
  struct {
    std::string operator()(const broker::CreateCredential& c) const {
      return absl::StrCat("create ", c.record.name, " ",
                          std::string(c.record.refresh_token.Reveal()));
    }
    std::string operator()(const broker::ReplaceGrant& c) const {
      return absl::StrCat("grant ", c.name, " ", std::string(c.refresh_token.Reveal()),
                          c.from_file ? "" : " of an operator");
    }
    std::string operator()(const broker::RecordSeed& c) const {
      return absl::StrCat("seed ", c.name, " ", std::string(c.seed.Reveal()));
    }
    std::string operator()(const broker::ChangeProfile& c) const {
      return absl::StrCat("profile ", c.name);
    }
    std::string operator()(const broker::SetDisabled& c) const {
      return absl::StrCat(c.disabled ? "disable " : "enable ", c.name);
    }
    std::string operator()(const broker::GiveUpGrant& c) const {
      return absl::StrCat("give up ", c.name);
    }
  } say;
  return std::visit(say, change);
}

class DeclarationPlanTest : public ::testing::Test {
 protected:
  // Declares it as Store stores it.
  void Declare(const std::string& name, absl::StatusOr<Secret> token) {
    broker::CredentialSettings settings;
    settings.name = name;
    settings.client_id = "client";
    declared_.credentials.insert_or_assign(
        name, Declared{.settings =
                           std::make_shared<const broker::CredentialSettings>(std::move(settings)),
                       .refresh_token_file = name + ".token",
                       .refresh_token = std::move(token)});
  }

  CredentialRecord& Store(const std::string& name, std::string_view seed,
                          std::string_view refresh_token) {
    CredentialRecord record;
    record.name = name;
    record.profile.client_id = "client";
    record.profile.client_auth = "none";
    record.profile.managed_by_config = true;
    record.seed = Sec(seed);
    record.refresh_token = Sec(refresh_token);
    return stored_[name] = std::move(record);
  }

  std::vector<std::string> Changes() {
    plan_ = PlanChanges(declared_, std::move(stored_), known_, kNow);
    std::vector<std::string> said;
    for (const broker::CredentialChange& change : plan_.changes) said.push_back(Said(change));
    return said;
  }

  Declarations declared_;
  StoredCredentials stored_;
  KnownTokens known_;
  DeclarationPlan plan_;
};

TEST_F(DeclarationPlanTest, WhatIsStoredAsDeclaredTakesNoChange) {
  Declare("a", Sec("seed"));
  Store("a", "seed", "rotated");
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(plan_.adopted, IsEmpty());
  EXPECT_EQ(plan_.after.at("a").refresh_token.Reveal(), "rotated");
}

TEST_F(DeclarationPlanTest, WhatIsNotStoredIsCreatedWithItsSeed) {
  Declare("a", Sec("seed"));
  EXPECT_THAT(Changes(), ElementsAre("create a seed"));
  EXPECT_EQ(plan_.after.at("a").seed.Reveal(), "seed");
  EXPECT_EQ(plan_.after.at("a").create_time, kNow);
  EXPECT_TRUE(plan_.after.at("a").profile.managed_by_config);
}

TEST_F(DeclarationPlanTest, AFileThatChangedIsAdoptedAndEndsTroubles) {
  Declare("a", Sec("new"));
  CredentialRecord& record = Store("a", "seed", "rotated");
  record.grant = GrantState::kDead;
  record.doubt_since = kNow;
  EXPECT_THAT(Changes(), ElementsAre("grant a new"));
  EXPECT_THAT(plan_.adopted, ElementsAre("a"));
  EXPECT_EQ(plan_.after.at("a").grant, GrantState::kUsable);
  EXPECT_FALSE(plan_.after.at("a").doubt_since.has_value());
}

TEST_F(DeclarationPlanTest, AFileThatCannotBeReadLeavesTheStoredTokenAlone) {
  Declare("a", absl::NotFoundError("gone"));
  Store("a", "seed", "rotated");
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(DeclarationPlanTest, WhatIsDeclaredNoMoreIsDisabledAndEnabledWhenItIsAgain) {
  Store("a", "seed", "rotated");
  EXPECT_THAT(Changes(), ElementsAre("disable a"));
  EXPECT_TRUE(plan_.after.at("a").disabled);
  stored_ = std::move(plan_.after);
  EXPECT_THAT(Changes(), IsEmpty()) << "once is enough";
  stored_ = std::move(plan_.after);
  Declare("a", Sec("seed"));
  EXPECT_THAT(Changes(), ElementsAre("enable a"));
  EXPECT_FALSE(plan_.after.at("a").disabled);
}

TEST_F(DeclarationPlanTest, WhatOperatorsMadeIsNotDisabled) {
  Store("made", "", "token").profile.managed_by_config = false;
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_TRUE(plan_.after.contains("made"));
}

TEST_F(DeclarationPlanTest, AChangedProfileIsStored) {
  Declare("a", Sec("seed"));
  Store("a", "seed", "rotated").profile.purpose = "another";
  EXPECT_THAT(Changes(), ElementsAre("profile a"));
}

TEST_F(DeclarationPlanTest, AnUnreadableRowIsLeftAsItIs) {
  Declare("a", Sec("new"));
  Store("a", "", "").unreadable = true;
  Store("b", "", "").unreadable = true;
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(DeclarationPlanTest, ADeadGrantThatIsDeclaredNoMoreStaysDead) {
  Store("a", "seed", "rotated").grant = GrantState::kDead;
  EXPECT_THAT(Changes(), ElementsAre("disable a"));
  stored_ = std::move(plan_.after);
  Declare("a", Sec("seed"));
  EXPECT_THAT(Changes(), ElementsAre("enable a"));
  EXPECT_EQ(plan_.after.at("a").grant, GrantState::kDead);
}

TEST_F(DeclarationPlanTest, WhatIsBackWithAnotherTokenIsEnabledAndAdoptsIt) {
  Declare("a", Sec("new"));
  Store("a", "seed", "rotated").disabled = true;
  EXPECT_THAT(Changes(), ElementsAre("grant a new", "enable a"));
  EXPECT_THAT(plan_.adopted, ElementsAre("a"));
}

TEST_F(DeclarationPlanTest, AChangedProfileLeavesTheTokenAlone) {
  Declare("a", Sec("seed"));
  Store("a", "seed", "rotated").profile.token_endpoint = "https://elsewhere.example/token";
  EXPECT_THAT(Changes(), ElementsAre("profile a"));
  EXPECT_EQ(plan_.after.at("a").refresh_token.Reveal(), "rotated");
  EXPECT_EQ(plan_.after.at("a").profile.token_endpoint, "");
}

TEST_F(DeclarationPlanTest, WhatIsNotStoredAndHasNoTokenIsNotMade) {
  Declare("a", absl::NotFoundError("gone"));
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_FALSE(plan_.after.contains("a"));
}

TEST_F(DeclarationPlanTest, ADeclaredCredentialWithoutAFileIsAlignedAllTheSame) {
  Declare("a", Secret());
  declared_.credentials.at("a").refresh_token_file.clear();
  Store("a", "seed", "rotated").disabled = true;
  EXPECT_THAT(Changes(), ElementsAre("enable a"));
}

// ---- refresh tokens that the store knows

class KnownTokenPlanTest : public DeclarationPlanTest {
 protected:
  void KnowSpent(const std::string& name) {
    known_[name].spent = broker::SpentToken{.since = kNow - absl::Hours(1)};
  }
  void ExpectWarningOf(const std::string& file) {
    ASSERT_EQ(plan_.notes.size(), 1u);
    EXPECT_EQ(plan_.notes[0].level, telemetry::Level::kWarning);
    EXPECT_EQ(plan_.notes[0].file, file);
    EXPECT_EQ(plan_.notes[0].since, kNow - absl::Hours(1));
  }
};

TEST_F(KnownTokenPlanTest, ASpentOneIsNotAdoptedAndItsFileIsNamed) {
  Declare("a", Sec("old"));
  Store("a", "seed", "rotated");
  KnowSpent("a");
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(plan_.adopted, IsEmpty());
  ExpectWarningOf("a.token");
}

TEST_F(KnownTokenPlanTest, ANewCredentialIsMadeWithoutASpentOneAndTheOthersAreServed) {
  Declare("a", Sec("old"));
  Declare("b", Sec("good"));
  KnowSpent("a");
  EXPECT_THAT(Changes(), ElementsAre("create a ", "give up a", "create b good"));
  EXPECT_EQ(plan_.after.at("a").grant, GrantState::kDead);
  EXPECT_EQ(plan_.after.at("a").last_error_reason, "REFRESH_TOKEN_SPENT");
  EXPECT_TRUE(plan_.after.at("a").refresh_token.empty());
  EXPECT_EQ(plan_.after.at("a").seed.Reveal(), "old");
  ExpectWarningOf("a.token");
}

TEST_F(KnownTokenPlanTest, TheCurrentOneIsNotedAsTheSeed) {
  Declare("a", Sec("current"));
  Store("a", "seed", "current");
  known_["a"].current = true;
  EXPECT_THAT(Changes(), ElementsAre("seed a current"));
  EXPECT_THAT(plan_.adopted, IsEmpty());
}

TEST_F(KnownTokenPlanTest, TheFirstDeclarationOfAnOperatorsCredentialAdoptsNothing) {
  Declare("a", Sec("from the file"));
  Store("a", "", "live").profile.managed_by_config = false;
  EXPECT_THAT(Changes(), ElementsAre("seed a from the file", "profile a"));
  EXPECT_EQ(plan_.after.at("a").refresh_token.Reveal(), "live");
  EXPECT_THAT(plan_.adopted, IsEmpty());
  stored_ = std::move(plan_.after);
  Declare("a", Sec("another"));
  EXPECT_THAT(Changes(), ElementsAre("grant a another")) << "a change of the file counts";
}

TEST_F(KnownTokenPlanTest, TheFirstDeclarationWithASpentOneSaysSo) {
  Declare("a", Sec("consumed"));
  Store("a", "", "live").profile.managed_by_config = false;
  KnowSpent("a");
  EXPECT_THAT(Changes(), ElementsAre("seed a consumed", "profile a"));
  ExpectWarningOf("a.token");
}

TEST_F(KnownTokenPlanTest, OneThatSeveralShareIsWarnedOfOnce) {
  for (const char* const name : {"a", "b", "c"}) Declare(name, Sec("same"));
  EXPECT_THAT(Changes(), ElementsAre("create a same", "create b same", "create c same"));
  ASSERT_EQ(plan_.notes.size(), 1u);
  EXPECT_EQ(plan_.notes[0].credential, "b");
}

TEST_F(DeclarationPlanTest, TheChangesOfAllAreOnePlan) {
  Declare("a", Sec("new"));
  Store("a", "seed", "rotated");
  Declare("b", Sec("seed"));
  Store("c", "seed", "rotated");
  EXPECT_THAT(Changes(), ElementsAre("grant a new", "create b seed", "disable c"));
}

}  // namespace
}  // namespace token_service::app
