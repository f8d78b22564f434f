#include "server/authz/policy_in_force.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace token_service::authz {
namespace {

AccessPolicy Allowing(std::string credential) {
  std::vector<AccessPolicy::Entry> entries;
  entries.push_back({.identity = "caller", .rights = {.credentials = {std::move(credential)}}});
  absl::StatusOr<AccessPolicy> policy = AccessPolicy::Create(std::move(entries));
  EXPECT_TRUE(policy.ok()) << policy.status();
  return *std::move(policy);
}

bool MayUse(const AccessPolicy& policy, std::string_view credential) {
  const Rights* const rights = policy.RightsOf("caller");
  return rights != nullptr && rights->MayUse(credential);
}

TEST(PolicyInForceTest, IsThePolicyItWasMadeWith) {
  const PolicyInForce policy(Allowing("inbox"));
  EXPECT_TRUE(MayUse(policy.Look(), "inbox"));
  EXPECT_NE(policy.version(), 0u);
}

TEST(PolicyInForceTest, IsTheOneItWasReplacedBy) {
  PolicyInForce policy(Allowing("inbox"));
  EXPECT_TRUE(MayUse(policy.Look(), "inbox"));
  policy.Replace(Allowing("archive"));
  EXPECT_FALSE(MayUse(policy.Look(), "inbox"));
  EXPECT_TRUE(MayUse(policy.Look(), "archive"));
}

TEST(PolicyInForceTest, AVersionComesOnce) {
  PolicyInForce one(Allowing("inbox"));
  PolicyInForce other(Allowing("inbox"));
  const uint64_t first = one.version();
  EXPECT_NE(first, other.version());
  one.Replace(Allowing("inbox"));
  EXPECT_NE(one.version(), first);
  EXPECT_NE(one.version(), other.version());
}

TEST(PolicyInForceTest, AThreadThatLooksAtTwoInTurnSeesEachItsOwn) {
  const PolicyInForce one(Allowing("inbox"));
  const PolicyInForce other(Allowing("archive"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(MayUse(one.Look(), "inbox"));
    EXPECT_TRUE(MayUse(other.Look(), "archive"));
  }
}

TEST(PolicyInForceTest, AShareOutlivesItsReplacement) {
  PolicyInForce policy(Allowing("inbox"));
  const PolicyInForce::Snapshot shared = policy.Share();
  EXPECT_EQ(shared.version, policy.version());
  policy.Replace(Allowing("archive"));
  EXPECT_TRUE(MayUse(*shared.policy, "inbox"));
  EXPECT_NE(shared.version, policy.version());
}

// Each round's credential is named in every policy from its round on: a thread that has heard of
// a round must be judged by its policy, or by a later one.
TEST(PolicyInForceTest, NobodyIsJudgedByAPolicyThatWasReplacedBefore) {
  constexpr int kRounds = 2000;
  PolicyInForce policy(Allowing("0"));
  std::atomic<int> round = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int before = 0;
      while (before < kRounds) {
        before = round.load();
        const AccessPolicy& seen = policy.Look();
        bool found = false;
        for (int at = before; at <= kRounds && !found; ++at) {
          found = MayUse(seen, std::to_string(at));
        }
        if (!found) ++wrong;
      }
    });
  }
  for (int i = 1; i <= kRounds; ++i) {
    policy.Replace(Allowing(std::to_string(i)));
    round.store(i);
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace token_service::authz
