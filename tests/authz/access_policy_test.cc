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
    EXPECT_TRUE(rights->is_operator);
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
  EXPECT_FALSE(rights->is_operator);
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

}  // namespace
}  // namespace token_service::authz
