#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/broker/broker_fixture.h"

namespace token_service::testing {
namespace {

using broker::CredentialSettings;

constexpr absl::Duration kLifetime = absl::Hours(1);

// Many credentials that get their tokens at once (docs/adr/0020-lumps.md).
class LumpsTest : public BrokerTest {
 protected:
  static constexpr int kMany = 2000;

  void CreateMany(int count) {
    for (int i = 0; i < count; ++i) Create(absl::StrCat("name-", i));
  }

  // How many POSTs came in each sixteenth of a lifetime since `begin`.
  std::vector<int> Sixteenths(MonotonicTime begin, int count) const {
    std::vector<int> posts(static_cast<size_t>(count));
    for (const auto& post : provider_.posts()) {
      const auto at = absl::FDivDuration(post.at - begin, kLifetime / 16);
      if (at >= 0 && at < count) ++posts[static_cast<size_t>(at)];
    }
    return posts;
  }

  // What part of a lifetime passed between one POST of a credential and its next, of all.
  std::vector<double> Gaps() const {
    std::map<std::string, MonotonicTime> last;
    std::vector<double> gaps;
    for (const auto& post : provider_.posts()) {
      const auto found = last.find(post.credential);
      if (found != last.end()) {
        gaps.push_back(absl::FDivDuration(post.at - found->second, kLifetime));
      }
      last[post.credential] = post.at;
    }
    return gaps;
  }
};

TEST_F(LumpsTest, ALumpIsEvenAfterALifetime) {
  CreateMany(kMany);
  StartAndRun();
  const MonotonicTime begin = clock_.Now();
  Elapse(4 * kLifetime);
  const double even = kMany / 0.80 / 16;  // 156, and 13 is its standard deviation.
  const std::vector<int> posts = Sixteenths(begin, 4 * 16);
  for (size_t i = 16; i < posts.size(); ++i) {
    // It was 7 times as many with the jitter alone.
    EXPECT_LT(posts[i], 2.25 * even) << i;
    EXPECT_GT(posts[i], 0.30 * even) << i;
  }
}

TEST_F(LumpsTest, NothingIsRefreshedLateNorRightAgain) {
  CreateMany(kMany);
  StartAndRun();
  Elapse(4 * kLifetime);
  const std::vector<double> gaps = Gaps();
  ASSERT_GT(gaps.size(), 4 * kMany);
  EXPECT_LE(*std::max_element(gaps.begin(), gaps.end()), 0.85 + 1e-9);
  EXPECT_GE(*std::min_element(gaps.begin(), gaps.end()), 0.10 - 1e-9);
}

TEST_F(LumpsTest, OnceEvenTheyCostNoMoreCallsThanBefore) {
  CreateMany(kMany);
  StartAndRun();
  Elapse(2 * kLifetime);
  const double before = static_cast<double>(provider_.count());
  Elapse(4 * kLifetime);
  const double each = (static_cast<double>(provider_.count()) - before) / kMany;
  EXPECT_NEAR(each, 4 / 0.80, 0.03 * 4 / 0.80);
}

TEST_F(LumpsTest, SeventeenAreRefreshedNoEarlierThanOne) {
  CreateMany(17);
  StartAndRun();
  Elapse(10 * kLifetime);
  for (const double gap : Gaps()) EXPECT_GE(gap, 0.75 - 1e-9);
}

TEST_F(LumpsTest, OneBesideALumpOfAnotherEndpointIsNotRefreshedEarly) {
  CreateMany(kMany);
  Create("zulu", [](CredentialSettings& s) { s.token_endpoint = std::string(kOtherEndpoint); });
  StartAndRun();
  Elapse(8 * kLifetime);
  // At most 8 / 0.75, and its first.
  EXPECT_LE(provider_.count("zulu"), 11);
}

TEST_F(LumpsTest, ARestartAsksForNothingAndKeepsThemApart) {
  CreateMany(kMany);
  StartAndRun();
  const MonotonicTime begin = clock_.Now();
  // Those of the first lifetime whose moment has not come yet have the lump's time of issue.
  Elapse(kLifetime / 2);
  const size_t before = provider_.count();
  StartAndRun();
  EXPECT_EQ(provider_.count(), before);
  Elapse(3 * kLifetime);
  const double even = kMany / 0.80 / 16;
  const std::vector<int> posts = Sixteenths(begin, 3 * 16);
  for (size_t i = 16; i < posts.size(); ++i) EXPECT_LT(posts[i], 2.25 * even) << i;
}

// Sixteen, no crowd by themselves, are at six tenths of their tokens' life when many get their
// first tokens, whose refreshes leave the next tenth of a lifetime free and crowd what comes after
// it.
class BesideALumpTest : public LumpsTest {
 protected:
  static constexpr int kFew = 16;

  static std::string Few(int i) { return absl::StrCat("few-", i); }
  static std::string Many(int i) { return absl::StrCat("name-", i); }

  void StartBesideALump() {
    for (int i = 0; i < kFew; ++i) Create(Few(i));
    StartAndRun();
    Elapse(0.6 * kLifetime);
    CreateMany(kMany);
    for (int i = 0; i < kMany; ++i) scheduler().Add(settings_.at(Many(i)), Record(Many(i)));
    Run();
    ASSERT_EQ(provider_.count(), kFew + kMany);
  }

  // Whether of the few, added anew over and over, one is to be refreshed before its usual time. Of
  // those that a crowd is in the way of, two in five are.
  bool OneIsDrawnEarly(std::string_view endpoint = kEndpoint) {
    bool early = false;
    for (int i = 0; i < 20 * kFew; ++i) {
      const std::string name = Few(i % kFew);
      auto settings = CopyOfSettings(name);
      settings->token_endpoint = std::string(endpoint);
      const broker::CredentialRecord record = Record(name);
      scheduler().Remove(name);
      scheduler().Add(settings, record);
      const absl::Time usual = record.token->issued.wall + 0.75 * kLifetime;
      early |= Status(name).next_refresh_time < usual - absl::Milliseconds(1);
    }
    return early;
  }
};

TEST_F(BesideALumpTest, WhatIsGoneCrowdsNobody) {
  StartBesideALump();
  EXPECT_TRUE(OneIsDrawnEarly());
  for (int i = 0; i < kMany; ++i) scheduler().Remove(Many(i));
  EXPECT_FALSE(OneIsDrawnEarly());
}

TEST_F(BesideALumpTest, WhatIsDisabledCrowdsNobody) {
  StartBesideALump();
  for (int i = 0; i < kMany; ++i) scheduler().Disable(Many(i));
  EXPECT_FALSE(OneIsDrawnEarly());
}

TEST_F(BesideALumpTest, WhatMovedToAnotherEndpointCrowdsThatOne) {
  StartBesideALump();
  for (int i = 0; i < kMany; ++i) {
    auto settings = CopyOfSettings(Many(i));
    settings->token_endpoint = std::string(kOtherEndpoint);
    Update(settings);
  }
  EXPECT_FALSE(OneIsDrawnEarly());
  EXPECT_TRUE(OneIsDrawnEarly(kOtherEndpoint));
}

}  // namespace
}  // namespace token_service::testing
