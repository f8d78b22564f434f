#include "server/broker/token_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace token_service::testing {
namespace {

using broker::AccessToken;
using broker::AccessTokenPtr;
using broker::TokenCache;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const MonotonicTime kNow(absl::Seconds(1000));

AccessTokenPtr Token(std::string_view credential, uint64_t generation) {
  auto token = std::make_shared<AccessToken>();
  token->credential = std::string(credential);
  token->generation = generation;
  token->value = Secret(absl::StrCat(std::string(credential), "#", generation));
  return token;
}

TEST(TokenCacheTest, DoesNotKnowWhatWasNotAdded) {
  TokenCache cache;
  EXPECT_FALSE(cache.Find("alpha", kNow).has_value());
  EXPECT_FALSE(cache.Contains("alpha"));
}

TEST(TokenCacheTest, AnAddedNameHasNoToken) {
  TokenCache cache;
  cache.Add("alpha");
  ASSERT_TRUE(cache.Find("alpha", kNow).has_value());
  EXPECT_EQ(cache.Find("alpha", kNow)->token, nullptr);
  EXPECT_TRUE(cache.Contains("alpha"));
}

TEST(TokenCacheTest, FindsWhatWasPublishedLast) {
  TokenCache cache;
  cache.Add("alpha");
  cache.Publish(Token("alpha", 1));
  cache.Publish(Token("alpha", 2));
  EXPECT_EQ(cache.Find("alpha", kNow)->token->generation, 2);
}

TEST(TokenCacheTest, AddingAgainKeepsTheToken) {
  TokenCache cache;
  cache.Add("alpha");
  cache.Publish(Token("alpha", 1));
  cache.Add("alpha");
  EXPECT_EQ(cache.Find("alpha", kNow)->token->generation, 1);
}

TEST(TokenCacheTest, PublishingUnderAnUnknownNameDoesNothing) {
  TokenCache cache;
  cache.Publish(Token("alpha", 1));
  EXPECT_FALSE(cache.Contains("alpha"));
}

TEST(TokenCacheTest, AWithdrawnTokenIsNotFoundAndTheNameIs) {
  TokenCache cache;
  cache.Add("alpha");
  cache.Publish(Token("alpha", 1));
  cache.Withdraw("alpha");
  ASSERT_TRUE(cache.Find("alpha", kNow).has_value());
  EXPECT_EQ(cache.Find("alpha", kNow)->token, nullptr);
}

TEST(TokenCacheTest, ATokenFoundOutlivesItsReplacementAndRemoval) {
  TokenCache cache;
  cache.Add("alpha");
  cache.Publish(Token("alpha", 1));
  const AccessTokenPtr token = cache.Find("alpha", kNow)->token;
  cache.Publish(Token("alpha", 2));
  cache.Remove("alpha");
  EXPECT_EQ(token->value.Reveal(), "alpha#1");
}

TEST(TokenCacheTest, ARemovedNameIsUnknownAndMayComeBackWithoutItsToken) {
  TokenCache cache;
  cache.Add("alpha");
  cache.Publish(Token("alpha", 1));
  cache.Remove("alpha");
  EXPECT_FALSE(cache.Contains("alpha"));
  cache.Add("alpha");
  EXPECT_EQ(cache.Find("alpha", kNow)->token, nullptr);
}

TEST(TokenCacheTest, NamesStopsAtTheMostAskedFor) {
  TokenCache cache;
  EXPECT_THAT(cache.Names(2), IsEmpty());
  cache.Add("alpha");
  cache.Add("beta");
  EXPECT_THAT(cache.Names(3), UnorderedElementsAre("alpha", "beta"));
  EXPECT_THAT(cache.Names(1), SizeIs(1));
}

TEST(TokenCacheTest, RemembersToTheSecondWhenSomebodyAsked) {
  TokenCache cache;
  EXPECT_EQ(cache.LastAsked("alpha"), std::nullopt);
  cache.Add("alpha");
  EXPECT_EQ(cache.LastAsked("alpha"), std::nullopt);
  cache.Find("alpha", kNow + absl::Milliseconds(700));
  EXPECT_EQ(cache.LastAsked("alpha"), kNow);
  cache.Find("alpha", kNow + absl::Seconds(5));
  EXPECT_EQ(cache.LastAsked("alpha"), kNow + absl::Seconds(5));
}

TEST(TokenCacheTest, LookingForTheNameAloneIsNotAsking) {
  TokenCache cache;
  cache.Add("alpha");
  EXPECT_TRUE(cache.Contains("alpha"));
  EXPECT_EQ(cache.LastAsked("alpha"), std::nullopt);
}

TEST(TokenCacheTest, DormancyEndsWithTheNextToken) {
  TokenCache cache;
  cache.Add("alpha");
  EXPECT_FALSE(cache.Find("alpha", kNow)->dormant);
  cache.SetDormant("alpha", true);
  EXPECT_TRUE(cache.Find("alpha", kNow)->dormant);
  cache.Publish(Token("alpha", 1));
  EXPECT_FALSE(cache.Find("alpha", kNow)->dormant);
}

TEST(TokenCacheTest, HoldsManyNames) {
  TokenCache cache;
  for (int i = 0; i < 5000; ++i) {
    cache.Add(absl::StrCat("name-", i));
    cache.Publish(Token(absl::StrCat("name-", i), 1));
  }
  for (int i = 0; i < 5000; ++i) {
    const auto found = cache.Find(absl::StrCat("name-", i), kNow);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->token->credential, absl::StrCat("name-", i));
  }
}

// For the sanitizers as much as for what is asserted.
TEST(TokenCacheTest, ReadersAndWritersOfTheSameNamesDoNotDisturbEachOther) {
  constexpr int kNames = 8;
  constexpr uint64_t kGenerations = 2000;
  TokenCache cache;
  std::vector<std::string> names;
  for (int i = 0; i < kNames; ++i) names.push_back(absl::StrCat("name-", i));
  for (const std::string& name : names) cache.Add(name);

  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < 4; ++r) {
    readers.emplace_back([&, r] {
      std::vector<uint64_t> last(kNames, 0);
      for (int64_t round = 0; !done; ++round) {
        const size_t i = static_cast<size_t>(round + r) % kNames;
        const auto found = cache.Find(names[i], kNow + absl::Seconds(round));
        // Names 0 to 3 come and go.
        if (i >= 4 && !found.has_value()) ADD_FAILURE() << names[i] << " was not removed";
        if (!found.has_value() || found->token == nullptr) continue;
        EXPECT_EQ(found->token->value.Reveal(),
                  absl::StrCat(names[i], "#", found->token->generation));
        EXPECT_GE(found->token->generation, last[i]) << "time went backwards";
        last[i] = found->token->generation;
        cache.LastAsked(names[i]);
        if (round % 64 == 0) cache.Names(3);
      }
    });
  }
  std::vector<std::thread> writers;
  for (size_t w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      for (uint64_t generation = 1; generation <= kGenerations; ++generation) {
        for (size_t i = w; i < kNames; i += 2) {
          cache.Publish(Token(names[i], generation));
          if (i < 4 && generation % 16 == 0) cache.Remove(names[i]);
          if (i < 4 && generation % 16 == 1) cache.Add(names[i]);
          cache.SetDormant(names[i], generation % 2 == 0);
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  for (size_t i = 4; i < kNames; ++i) {
    EXPECT_EQ(cache.Find(names[i], kNow)->token->generation, kGenerations);
  }
}

TEST(TokenCacheTest, CountsTheCallsOfEachCredentialThatIsServed) {
  using telemetry::CallerKind;
  TokenCache cache;
  cache.Add("a");
  cache.Add("b");
  EXPECT_EQ(cache.CallsOf("unknown"), nullptr);
  telemetry::CredentialCalls* const calls = cache.CallsOf("a");
  ASSERT_NE(calls, nullptr);
  auto token = std::make_shared<AccessToken>();
  token->credential = "a";
  cache.Publish(token);
  EXPECT_EQ(token->calls.get(), calls);
  calls->CountIssued(CallerKind::kUnix);
  std::map<std::string, uint64_t> seen;
  cache.ForEachCalls([&](std::string_view name, const telemetry::CredentialCalls& of) {
    seen[std::string(name)] = of.issued(CallerKind::kUnix);
  });
  EXPECT_EQ(seen, (std::map<std::string, uint64_t>{{"a", 1}, {"b", 0}}));
}

TEST(TokenCacheTest, ACredentialMadeAnewCountsFromZero) {
  using telemetry::CallerKind;
  TokenCache cache;
  cache.Add("a");
  telemetry::CredentialCalls* const before = cache.CallsOf("a");
  before->CountIssued(CallerKind::kTls);
  const uint64_t id = before->id();
  cache.Remove("a");
  before->CountIssued(CallerKind::kTls);  // Of a call that was under way.
  cache.Add("a");
  EXPECT_EQ(cache.CallsOf("a")->issued(CallerKind::kTls), 0u);
  EXPECT_NE(cache.CallsOf("a")->id(), id);
}

}  // namespace
}  // namespace token_service::testing
