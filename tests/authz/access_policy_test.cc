#include "server/authz/access_policy.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace token_service::authz {
namespace {

AccessPolicy::Entry Allow(std::string identity, std::string credential) {
  return {.identity = std::move(identity), .rights = {.credentials = {std::move(credential)}}};
}

AccessPolicy Policy(std::vector<AccessPolicy::Entry> entries) {
  absl::StatusOr<AccessPolicy> policy = AccessPolicy::Create(std::move(entries));
  EXPECT_TRUE(policy.ok()) << policy.status();
  return *std::move(policy);
}

TEST(AccessPolicyTest, WithoutCallersOnlyWhoeverComesWithoutTlsMayDoAnything) {
  const AccessPolicy policy = AccessPolicy::AllowWithoutTls();
  for (const char* identity : {"anonymous", "unix:/run/token-server.sock", "unix:s"}) {
    const Rights* rights = policy.RightsOf(identity);
    ASSERT_NE(rights, nullptr) << identity;
    EXPECT_TRUE(rights->MayUse("anything"));
    EXPECT_EQ(rights->operating, Operating::kChanging);
  }
  for (const char* identity : {"spiffe://example.org/ops", "billing.example.org", "Billing", ""}) {
    EXPECT_EQ(policy.RightsOf(identity), nullptr) << identity;
  }
}

TEST(AccessPolicyTest, WithoutEntriesNobodyIsKnown) {
  EXPECT_EQ(Policy({}).RightsOf("anonymous"), nullptr);
}

TEST(AccessPolicyTest, AnEntryAllowsItsIdentityItsCredentials) {
  const AccessPolicy policy = Policy({Allow("spiffe://example.org/billing", "inbox")});
  const Rights* rights = policy.RightsOf("spiffe://example.org/billing");
  ASSERT_NE(rights, nullptr);
  EXPECT_TRUE(rights->MayUse("inbox"));
  EXPECT_FALSE(rights->MayUse("outbox"));
  EXPECT_EQ(rights->operating, Operating::kNothing);
  EXPECT_EQ(rights->OnlyCredential(), "inbox");
  EXPECT_EQ(policy.RightsOf("spiffe://example.org/billing2"), nullptr);
}

TEST(AccessPolicyTest, AWildcardIsForWhatIsBelowItsPath) {
  const AccessPolicy policy = Policy({Allow("spiffe://example.org/ns/prod/*", "inbox")});
  EXPECT_NE(policy.RightsOf("spiffe://example.org/ns/prod/sa/billing"), nullptr);
  EXPECT_NE(policy.RightsOf("spiffe://example.org/ns/prod/x"), nullptr);
  EXPECT_EQ(policy.RightsOf("spiffe://example.org/ns/prod"), nullptr);
  EXPECT_EQ(policy.RightsOf("spiffe://example.org/ns/production/x"), nullptr);
}

TEST(AccessPolicyTest, TheMostSpecificEntryCounts) {
  const AccessPolicy policy =
      Policy({Allow("a/*", "wide"), Allow("a/b/*", "narrow"), Allow("a/b/c", "exact")});
  EXPECT_TRUE(policy.RightsOf("a/b/c")->MayUse("exact"));
  EXPECT_TRUE(policy.RightsOf("a/b/d")->MayUse("narrow"));
  EXPECT_TRUE(policy.RightsOf("a/d")->MayUse("wide"));
}

TEST(AccessPolicyTest, RefusesEntriesThatCannotBeMeant) {
  for (const char* identity : {"", "*", "/*", "a*", "a/*/b", "a/**"}) {
    EXPECT_FALSE(AccessPolicy::Create({Allow(identity, "x")}).ok()) << identity;
  }
  EXPECT_FALSE(AccessPolicy::Create({Allow("a", "x"), Allow("a", "y")}).ok());
}

TEST(RightsTest, AListMayHoldTheBeginningsOfNames) {
  const Rights rights{.credentials = {"inbox"}, .prefixes = {"tenant-a-"}};
  for (const char* name : {"inbox", "tenant-a-", "tenant-a-1"}) EXPECT_TRUE(rights.MayUse(name));
  for (const char* name : {"", "tenant-a", "tenant-ab", "tenant-b-1", "inbox2", "x-tenant-a-1"}) {
    EXPECT_FALSE(rights.MayUse(name)) << name;
  }
  EXPECT_EQ(rights.OnlyCredential(), std::nullopt) << "there may be others";
  EXPECT_FALSE(rights.UsesNothing());
  EXPECT_FALSE((Rights{.prefixes = {"a"}}).UsesNothing());
  EXPECT_TRUE(Rights{}.UsesNothing());
}

TEST(RightsTest, OnlyOfItsOwnAnOperatorLearnsThatThereIsNone) {
  const Rights some{.credentials = {"inbox"}, .operating = Operating::kReading};
  EXPECT_TRUE(some.MayKnowOf("inbox"));
  EXPECT_FALSE(some.MayKnowOf("outbox"));
  EXPECT_FALSE((Rights{.credentials = {"inbox"}}).MayKnowOf("inbox")) << "a caller is no operator";
  EXPECT_TRUE((Rights{.all_credentials = true}).MayKnowOf("outbox"));
}

TEST(AccessPolicyTest, AnEntryIsOfAFormThatCallersHave) {
  for (const char* identity :
       {"spiffe://example.org/ops", "spiffe://example.org/*", "spiffe://example.org/ns/*",
        "billing.example.org", "Jane Doe", "batch/*", "anonymous", "unix:/run/s", "unix:/run/*",
        "unix:s?uid=0", "unix:/run/s?uid=4294967294"}) {
    EXPECT_TRUE(CheckEntryIdentity(identity).ok()) << identity;
  }
  for (const char* identity : {"uid:2001",
                               "spiffe://example.org",
                               "spiffe://Example.org/ops",
                               "spiffe:/example.org/ops",
                               "SPIFFE://example.org/ops",
                               "spiffe://example.org/a//b",
                               "spiffe://example.org//*",
                               "DNS:example.org",
                               "https://example.org/x",
                               "unix:",
                               "unix:?uid=1",
                               "unix:/s?uid=",
                               "unix:/s?uid=-1",
                               "unix:/s?uid=01",
                               "unix:/s?uid=4294967295",
                               "unix:/s?uid=x",
                               "unix:/s?uid=1/*",
                               "anonymous/*:",
                               "caf\xc3\xa9",
                               "tab\t"}) {
    EXPECT_FALSE(CheckEntryIdentity(identity).ok()) << identity;
  }
}

}  // namespace
}  // namespace token_service::authz
