#include "server/api/credential_choice.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace token_service::api {
namespace {

using authz::Rights;

class CredentialChoiceTest : public ::testing::Test {
 protected:
  // The name chosen, or the reason there is none.
  std::string Choose(const std::string& requested, const Rights& rights) {
    const auto choice = ChooseCredential(requested, rights, cache_);
    if (const auto* error = std::get_if<ApiError>(&choice)) return error->reason;
    return std::get<std::string>(choice);
  }

  const Rights all_{.all_credentials = true};
  const Rights one_{.credentials = {"inbox"}};
  const Rights two_{.credentials = {"inbox", "outbox"}};
  broker::TokenCache cache_;
};

TEST_F(CredentialChoiceTest, TakesTheOneThatIsNamed) {
  EXPECT_EQ(Choose("inbox", all_), "inbox");
  EXPECT_EQ(Choose("inbox", one_), "inbox");
}

TEST_F(CredentialChoiceTest, RefusesWhatTheCallerMayNotUseWhetherItExistsOrNot) {
  cache_.Add("exists");
  EXPECT_EQ(Choose("exists", one_), "CREDENTIAL_NOT_PERMITTED");
  EXPECT_EQ(Choose("missing", one_), "CREDENTIAL_NOT_PERMITTED");
}

TEST_F(CredentialChoiceTest, RefusesWhatIsNoName) {
  for (const std::string& name :
       {std::string("Inbox"), std::string("-inbox"), std::string("in box"), std::string("in\nbox"),
        std::string("in\0box", 6), std::string(64, 'a')}) {
    EXPECT_EQ(Choose(name, all_), "INVALID_REQUEST") << name;
  }
}

TEST_F(CredentialChoiceTest, WithoutANameTakesDefault) {
  cache_.Add("default");
  cache_.Add("inbox");
  EXPECT_EQ(Choose("", all_), "default");
}

TEST_F(CredentialChoiceTest, WithoutANameTakesTheOnlyOneThereIs) {
  cache_.Add("inbox");
  EXPECT_EQ(Choose("", all_), "inbox");
}

TEST_F(CredentialChoiceTest, WithoutANameTakesTheOnlyOneTheCallerMayUse) {
  cache_.Add("inbox");
  cache_.Add("outbox");
  cache_.Add("default");
  EXPECT_EQ(Choose("", one_), "inbox");
}

TEST_F(CredentialChoiceTest, WithoutANameAndSeveralUsableWantsOne) {
  cache_.Add("inbox");
  cache_.Add("outbox");
  EXPECT_EQ(Choose("", all_), "CREDENTIAL_REQUIRED");
  EXPECT_EQ(Choose("", two_), "CREDENTIAL_REQUIRED");
}

TEST_F(CredentialChoiceTest, WithoutANameAndNothingThereFindsNone) {
  EXPECT_EQ(Choose("", all_), "CREDENTIAL_NOT_FOUND");
}

TEST_F(CredentialChoiceTest, WithoutRightsPermitsNothing) {
  EXPECT_EQ(Choose("", Rights{}), "CREDENTIAL_NOT_PERMITTED");
}

}  // namespace
}  // namespace token_service::api
