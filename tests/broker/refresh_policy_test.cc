#include "server/broker/refresh_policy.h"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

namespace token_service::testing {
namespace {

using broker::AccessToken;
using broker::CredentialSettings;
using broker::GrantState;
using broker::PlanRefresh;
using broker::RefreshFacts;
using broker::RefreshMode;
using broker::RefreshPlan;
using Why = broker::RefreshPlan::Why;

// All moments in seconds. Now is 1000; the token, if any, lived from 0 to 3600 and was to be
// refreshed at 2880; its last minute starts at 3540.
constexpr int kNow = 1000;
constexpr int kNever = -1;

MonotonicTime At(int second) { return MonotonicTime(absl::Seconds(second)); }

std::shared_ptr<AccessToken> Token() {
  auto token = std::make_shared<AccessToken>();
  token->lifetime = absl::Seconds(3600);
  token->issued = At(0);
  token->expires = At(3600);
  return token;
}

struct Case {
  const char* name;
  std::function<void(CredentialSettings&, RefreshFacts&)> given;
  Why why;
  int when;
  int now = kNow;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

class RefreshPolicyTest : public ::testing::TestWithParam<Case> {};

TEST_P(RefreshPolicyTest, Plans) {
  CredentialSettings settings;
  RefreshFacts facts{.token = Token(), .refresh_at = At(2880)};
  GetParam().given(settings, facts);
  const RefreshPlan plan = PlanRefresh(settings, facts, At(GetParam().now));
  EXPECT_EQ(static_cast<int>(plan.why), static_cast<int>(GetParam().why));
  if (GetParam().when != kNever) {
    EXPECT_EQ(plan.when.since_origin(), absl::Seconds(GetParam().when));
  } else {
    EXPECT_EQ(plan.when, MonotonicTime::Never());
  }
}

using S = CredentialSettings&;
using F = RefreshFacts&;

void InDoubtSince(F f, int second) {
  f.rotates = true;
  f.doubt_since = At(second);
}

const Case kCases[] = {
    {"ALiveTokenIsRefreshedAhead", [](S, F) {}, Why::kAhead, 2880},
    {"WithoutATokenAtOnce", [](S, F f) { f.token = nullptr; }, Why::kNoToken, kNow},
    {"ASpentTokenWasDueInThePast", [](S, F) {}, Why::kAhead, 2880, 5000},
    {"ATokenSpentOnArrivalWaitsHalfASecondAtLeast",
     [](S, F f) {
       auto token = Token();
       token->issued = token->expires = At(kNow) - absl::Milliseconds(500);
       f.refresh_at = token->issued;
       f.token = token;
     },
     Why::kAhead, kNow},
    {"ADeadGrantIsNeverTried",
     [](S, F f) {
       f.grant = GrantState::kDead;
       f.token = nullptr;
     },
     Why::kNever, kNever},
    {"ADeadGrantInDoubtIsNeverTried",
     [](S, F f) {
       f.grant = GrantState::kDead;
       f.token = nullptr;
       InDoubtSince(f, kNow);
     },
     Why::kNever, kNever},
    {"ADeadGrantsLastTokenIsWatchedToItsEnd", [](S, F f) { f.grant = GrantState::kDead; },
     Why::kExpiry, 3600},
    {"ARejectedClientIsTriedWhenItsLatchEnds",
     [](S, F f) {
       f.grant = GrantState::kClientRefused;
       f.retry_at = At(1600);
     },
     Why::kRetry, 1600},
    {"AfterAFailureWhenItsBackoffEnds", [](S, F f) { f.retry_at = At(1005); }, Why::kRetry, 1005},
    {"AfterAFailureWithoutATokenToo",
     [](S, F f) {
       f.token = nullptr;
       f.retry_at = At(1005);
     },
     Why::kRetry, 1005},

    // Doubt at a provider that was never seen to rotate changes nothing.
    {"NeverRotatedAndInDoubtJustRetries",
     [](S, F f) {
       f.doubt_since = At(900);
       f.retry_at = At(1005);
     },
     Why::kRetry, 1005},
    {"NeverRotatedAndInDoubtBeforeARestartGoesOnAsEver", [](S, F f) { f.doubt_since = At(900); },
     Why::kAhead, 2880},

    // Doubt at one that rotates.
    {"InDoubtInsideTheWindowAtOnce",
     [](S, F f) {
       InDoubtSince(f, 995);
       f.retry_at = At(1001);
     },
     Why::kReplay, kNow},
    {"InDoubtReplayedOnceBacksOffInsideTheWindow",
     [](S, F f) {
       InDoubtSince(f, 995);
       f.replayed = true;
       f.retry_at = At(1002);
     },
     Why::kRetry, 1002},
    {"InDoubtABackoffThatEndsAfterTheWindowIsAHold",
     [](S, F f) {
       InDoubtSince(f, 995);
       f.replayed = true;
       f.retry_at = At(1006);
     },
     Why::kHold, 3540},
    {"InDoubtPastTheWindowIsAHoldUntilNearlySpent", [](S, F f) { InDoubtSince(f, 900); },
     Why::kHold, 3540},
    {"TheWindowsEndIsOutside", [](S, F f) { InDoubtSince(f, 990); }, Why::kHold, 3540},
    {"NoReplayWindowIsNoReplay",
     [](S s, F f) {
       s.replay_window = absl::ZeroDuration();
       InDoubtSince(f, kNow);
     },
     Why::kHold, 3540},
    {"AHoldEndsWhenTheTokenIsNearlySpent", [](S, F f) { InDoubtSince(f, 900); }, Why::kRetry, 3541,
     3541},
    {"ALongBackoffOutlastsTheHold",
     [](S, F f) {
       InDoubtSince(f, 900);
       f.retry_at = At(3580);
     },
     Why::kRetry, 3580},
    {"AHoldEndsWhenTheTokenIsRejected",
     [](S, F f) {
       InDoubtSince(f, 900);
       f.rejected = true;
     },
     Why::kRetry, kNow},
    {"ThereIsNoHoldWithoutAToken",
     [](S, F f) {
       InDoubtSince(f, 900);
       f.token = nullptr;
       f.retry_at = At(1007);
     },
     Why::kRetry, 1007},
    {"ThereIsNoHoldForASpentToken",
     [](S, F f) {
       InDoubtSince(f, 900);
       f.retry_at = At(4007);
     },
     Why::kRetry, 4007, 4000},

    // On demand.
    {"OnDemandAndNeverAskedForIsKeptAlive",
     [](S s, F f) {
       s.refresh = RefreshMode::kOnDemand;
       f.token = nullptr;
       f.last_refresh = At(0);
     },
     Why::kKeepalive, 604800},
    {"OnDemandAskedForWithoutATokenAtOnce",
     [](S s, F f) {
       s.refresh = RefreshMode::kOnDemand;
       f.token = nullptr;
       f.last_asked = At(999);
     },
     Why::kNoToken, kNow},
    {"OnDemandAskedForLatelyIsRefreshedAhead",
     [](S s, F f) {
       s.refresh = RefreshMode::kOnDemand;
       f.last_asked = At(999);
     },
     Why::kAhead, 2880},
    {"OnDemandNotAskedForIsLookedAtWhenItWouldBeDue",
     [](S s, F) { s.refresh = RefreshMode::kOnDemand; }, Why::kAhead, 2880},
    {"OnDemandNotAskedForWhenDueIsLeftAlone", [](S s, F) { s.refresh = RefreshMode::kOnDemand; },
     Why::kKeepalive, 604800, 2880},
    {"OnDemandAskedForTooLongAgoIsLeftAlone",
     [](S s, F f) {
       s.refresh = RefreshMode::kOnDemand;
       f.last_asked = At(100);
     },
     Why::kKeepalive, 604800, 86500},
    {"OnDemandAfterAFailureRetries",
     [](S s, F f) {
       s.refresh = RefreshMode::kOnDemand;
       f.retry_at = At(1005);
     },
     Why::kRetry, 1005},
};

// Until when what starts now may be sent.
TEST(ReplayDeadlineTest, IsTheEndOfTheWindowWhereNothingElseLetsItStart) {
  const CredentialSettings settings;
  const auto deadline = [&](RefreshFacts facts, int now = kNow) {
    return ReplayDeadline(settings, facts, At(now));
  };
  RefreshFacts facts{.token = Token(), .refresh_at = At(2880)};
  EXPECT_EQ(deadline(facts), MonotonicTime::Never()) << "nothing is in doubt";
  facts.doubt_since = At(995);
  EXPECT_EQ(deadline(facts), MonotonicTime::Never()) << "nothing rotates";
  facts.rotates = true;
  EXPECT_EQ(deadline(facts), At(1005));
  facts.doubt_since = At(3535);
  EXPECT_EQ(deadline(facts, 3539), At(3545));
  EXPECT_EQ(deadline(facts, 3540), MonotonicTime::Never()) << "nearly spent";
  facts.rejected = true;
  EXPECT_EQ(deadline(facts), MonotonicTime::Never()) << "rejected";
  facts.rejected = false;
  facts.token = nullptr;
  EXPECT_EQ(deadline(facts), MonotonicTime::Never()) << "no token";
}

INSTANTIATE_TEST_SUITE_P(Table, RefreshPolicyTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace token_service::testing
