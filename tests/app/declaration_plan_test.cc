#include "server/app/declaration_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/captured_log.h"

namespace token_service::app {
namespace {

using broker::CredentialRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(24);

Secret Sec(std::string_view text) { return Secret(text); }

// What a change does, in a word.
std::string Said(const broker::CredentialChange& change) {
  struct {
    std::string operator()(const broker::CreateCredential& c) const {
      return absl::StrCat("create ", c.record.name, " ",
                          std::string(c.record.refresh_token.Reveal()),
                          c.from_file ? "" : " of an operator");
    }
    std::string operator()(const broker::ReplaceGrant& c) const {
      return absl::StrCat("grant ", c.name);
    }
    std::string operator()(const broker::AdoptSeed& c) const {
      return absl::StrCat("adopt ", c.name, " ", std::string(c.seed.Reveal()));
    }
    std::string operator()(const broker::ChangeProfile& c) const {
      return absl::StrCat("profile ", c.name);
    }
    std::string operator()(const broker::SetDisabled& c) const {
      return absl::StrCat(c.disabled ? "disable " : "enable ", c.name);
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

  CredentialRecord& Store(const std::string& name, bool file_is_news = false) {
    CredentialRecord record;
    record.name = name;
    record.profile.client_id = "client";
    record.profile.client_auth = "none";
    record.profile.managed_by_config = true;
    StoredCredential& stored = stored_[name];
    stored = {.record = std::move(record), .file_is_news = file_is_news};
    return stored.record;
  }

  std::vector<std::string> Changes() {
    plan_ = PlanChanges(declared_, stored_, kNow);
    std::vector<std::string> said;
    for (const broker::CredentialChange& change : plan_.changes) said.push_back(Said(change));
    return said;
  }

  Declarations declared_;
  StoredCredentials stored_;
  DeclarationPlan plan_;
};

TEST_F(DeclarationPlanTest, WhatIsStoredAsDeclaredTakesNoChange) {
  Declare("a", Sec("seed"));
  Store("a");
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(plan_.dropped, IsEmpty());
}

TEST_F(DeclarationPlanTest, WhatIsNotStoredIsCreatedWithItsSeed) {
  Declare("a", Sec("seed"));
  EXPECT_THAT(Changes(), ElementsAre("create a seed"));
  const auto& created = std::get<broker::CreateCredential>(plan_.changes[0]).record;
  EXPECT_EQ(created.create_time, kNow);
  EXPECT_TRUE(created.profile.managed_by_config);
}

TEST_F(DeclarationPlanTest, AFileThatChangedIsBroughtToTheStore) {
  Declare("a", Sec("new"));
  Store("a", /*file_is_news=*/true);
  EXPECT_THAT(Changes(), ElementsAre("adopt a new"));
}

// Whether an operator's credential adopts it depends on the profile before.
TEST_F(DeclarationPlanTest, AFileIsBroughtBeforeTheCredentialIsTheConfigurations) {
  Declare("a", Sec("from the file"));
  Store("a", /*file_is_news=*/true).profile.managed_by_config = false;
  EXPECT_THAT(Changes(), ElementsAre("adopt a from the file", "profile a"));
}

TEST_F(DeclarationPlanTest, WhatIsDeclaredNoMoreIsDisabledAndEnabledWhenItIsAgain) {
  Store("a");
  EXPECT_THAT(Changes(), ElementsAre("disable a"));
  EXPECT_THAT(plan_.dropped, ElementsAre("a"));
  Store("a").disabled = true;
  EXPECT_THAT(Changes(), IsEmpty()) << "once is enough";
  EXPECT_THAT(plan_.dropped, IsEmpty());
  Declare("a", Sec("seed"));
  EXPECT_THAT(Changes(), ElementsAre("enable a"));
}

TEST_F(DeclarationPlanTest, WhatOperatorsMadeIsNotDisabled) {
  Store("made").profile.managed_by_config = false;
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(DeclarationPlanTest, AChangedProfileIsStored) {
  Declare("a", Sec("seed"));
  Store("a").profile.purpose = "another";
  EXPECT_THAT(Changes(), ElementsAre("profile a"));
}

TEST_F(DeclarationPlanTest, AnUnreadableRowIsLeftAsItIs) {
  Declare("a", Sec("new"));
  Store("a", /*file_is_news=*/true).unreadable = true;
  Store("b").unreadable = true;
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(DeclarationPlanTest, WhatIsBackWithAnotherTokenIsEnabledToo) {
  Declare("a", Sec("new"));
  Store("a", /*file_is_news=*/true).disabled = true;
  EXPECT_THAT(Changes(), ElementsAre("adopt a new", "enable a"));
}

TEST_F(DeclarationPlanTest, WhatIsNotStoredAndHasNoTokenIsNotMade) {
  Declare("a", absl::NotFoundError("gone"));
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(DeclarationPlanTest, ADeclaredCredentialWithoutAFileIsAlignedAllTheSame) {
  Declare("a", Secret());
  declared_.credentials.at("a").refresh_token_file.clear();
  Store("a").disabled = true;
  EXPECT_THAT(Changes(), ElementsAre("enable a"));
}

TEST_F(DeclarationPlanTest, TheChangesOfAllAreOnePlan) {
  Declare("a", Sec("new"));
  Store("a", /*file_is_news=*/true);
  Declare("b", Sec("seed"));
  Store("c");
  EXPECT_THAT(Changes(), ElementsAre("adopt a new", "create b seed", "disable c"));
}

// ---- whether a file is news

TEST_F(DeclarationPlanTest, AFileIsNewsThatSaysSomethingElse) {
  Declare("a", Sec("new"));
  CredentialRecord& record = Store("a");
  record.seed = Sec("seed");
  EXPECT_TRUE(FileIsNews(declared_.credentials.at("a"), record));
  record.seed = Sec("new");
  EXPECT_FALSE(FileIsNews(declared_.credentials.at("a"), record));
}

TEST_F(DeclarationPlanTest, AFileThatCannotBeReadIsNoNews) {
  Declare("a", absl::NotFoundError("gone"));
  EXPECT_FALSE(FileIsNews(declared_.credentials.at("a"), Store("a")));
}

// ---- what operators are told

class LogSeedTest : public ::testing::Test {
 protected:
  using Became = broker::SeedOutcome::Became;
  static std::string Told(Became became, bool made, bool shared = false) {
    broker::SeedOutcome outcome{.name = "a", .became = became, .shared = shared};
    if (became == Became::kSpent) outcome.spent = broker::SpentToken{.since = kNow};
    return token_service::testing::CapturedLog([&] { LogSeed(outcome, "a.token", made); });
  }
};

TEST_F(LogSeedTest, ASpentOneIsAWarningWithItsFileAndSinceWhen) {
  for (const bool made : {false, true}) {
    const std::string told = Told(Became::kSpent, made);
    EXPECT_THAT(told, HasSubstr("\"level\":\"warning\""));
    EXPECT_THAT(told, HasSubstr("\"file\":\"a.token\""));
    EXPECT_THAT(told, HasSubstr("1970-01-02"));
    EXPECT_EQ(told.find("has none") != std::string::npos, made);
  }
}

TEST_F(LogSeedTest, WhatIsNoNewsIsNotToldOf) {
  EXPECT_EQ(Told(Became::kUnchanged, false), "");
  EXPECT_EQ(Told(Became::kCurrent, false), "");
  EXPECT_EQ(Told(Became::kAdopted, true), "");
}

TEST_F(LogSeedTest, AnAdoptionAndASharedTokenAreToldOf) {
  EXPECT_THAT(Told(Became::kAdopted, false), HasSubstr("adopted from its file"));
  EXPECT_THAT(Told(Became::kAdopted, true, /*shared=*/true),
              HasSubstr("another credential has the same refresh token"));
  EXPECT_THAT(Told(Became::kNoted, false), HasSubstr("noted and not adopted"));
}

}  // namespace
}  // namespace token_service::app
