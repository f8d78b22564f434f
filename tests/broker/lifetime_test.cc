#include "server/broker/lifetime.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_clock.h"

namespace token_service::testing {
namespace {

using broker::AccessTokenPtr;
using broker::DoubtSince;
using broker::LastRefresh;
using broker::MakeAccessToken;
using broker::OnThisBoot;
using broker::PreferredValidity;
using broker::StoredToken;
using broker::SureLifetime;

class LifetimeTest : public ::testing::Test {
 protected:
  StoredToken Stored(absl::Duration lifetime) const {
    return {.value = Secret(std::string_view("token")),
            .token_type = "Bearer",
            .issued = clock_.MomentAt(clock_.Now()),
            .expires = clock_.WallNow() + lifetime};
  }
  AccessTokenPtr Fresh(absl::Duration lifetime) {
    return MakeAccessToken("alpha", 1, Stored(lifetime),
                           {.min_refresh_interval = absl::Seconds(10)}, clock_.Now());
  }
  AccessTokenPtr FromStore(const StoredToken& stored) {
    return MakeAccessToken("alpha", 1, stored, {.min_refresh_interval = absl::Seconds(10)}, clock_);
  }

  FakeClock clock_;
};

TEST_F(LifetimeTest, PreferredValidityIsAMinuteOrATenthWhicheverIsLess) {
  EXPECT_EQ(PreferredValidity(absl::Hours(1)), absl::Seconds(60));
  EXPECT_EQ(PreferredValidity(absl::Minutes(10)), absl::Seconds(60));
  EXPECT_EQ(PreferredValidity(absl::Minutes(5)), absl::Seconds(30));
  EXPECT_EQ(PreferredValidity(absl::Seconds(1)), absl::Milliseconds(100));
  EXPECT_EQ(PreferredValidity(absl::ZeroDuration()), absl::ZeroDuration());
}

// The provider floors its clock when it issues and when it checks: the token ends at a whole
// second, up to one before what it told has passed since our request.
TEST_F(LifetimeTest, AToldLifetimeIsNotCountedToItsLastSecond) {
  for (const absl::Duration told : {absl::Seconds(2), absl::Seconds(3), absl::Hours(1)}) {
    for (int fraction = 0; fraction < 1000; ++fraction) {
      const absl::Time sent = absl::FromUnixSeconds(1000) + absl::Milliseconds(fraction);
      const absl::Time end = absl::FromUnixSeconds(absl::ToUnixSeconds(sent)) + told;
      ASSERT_LE(sent + SureLifetime(told), end);
    }
  }
  EXPECT_EQ(SureLifetime(absl::Hours(1)), absl::Seconds(3599));
  EXPECT_EQ(SureLifetime(absl::Seconds(1)), absl::Seconds(0.5)) << "a token still";
  EXPECT_EQ(SureLifetime(absl::Nanoseconds(2)), absl::Nanoseconds(1));
}

TEST_F(LifetimeTest, LeastAgeIsTheConfiguredIntervalButAtMostATenth) {
  EXPECT_EQ(Fresh(absl::Hours(1))->least_age, absl::Seconds(10));
  EXPECT_EQ(Fresh(absl::Seconds(10))->least_age, absl::Seconds(1));
}

TEST_F(LifetimeTest, AStoredTokenGoesOnWhereItWas) {
  const StoredToken stored = Stored(absl::Hours(1));
  clock_.Advance(absl::Minutes(20));
  const AccessTokenPtr token = FromStore(stored);
  EXPECT_EQ(token->expires - clock_.Now(), absl::Minutes(40));
  EXPECT_EQ(token->lifetime, absl::Hours(1));
  EXPECT_EQ(token->expire_time, stored.expires);
}

// A process that was started again: its machine was not.
TEST_F(LifetimeTest, TheWallClockHasNoSayOnTheSameBoot) {
  for (const absl::Duration jump : {-absl::Hours(5), -absl::Seconds(30), absl::Hours(5)}) {
    const StoredToken stored = Stored(absl::Hours(1));
    clock_.Advance(absl::Minutes(20));
    clock_.JumpWall(jump);
    const AccessTokenPtr token = FromStore(stored);
    EXPECT_EQ(token->expires - clock_.Now(), absl::Minutes(40)) << jump;
    EXPECT_EQ(token->expire_time - clock_.WallNow(), absl::Minutes(40)) << jump;
  }
}

TEST_F(LifetimeTest, AfterAnotherBootTheWallClockTellsAndAMinuteIsTakenOff) {
  const StoredToken stored = Stored(absl::Hours(1));
  clock_.Reboot();
  clock_.JumpWall(absl::Minutes(20));
  const AccessTokenPtr token = FromStore(stored);
  EXPECT_EQ(token->expires - clock_.Now(), absl::Minutes(39));
  EXPECT_EQ(token->expire_time - clock_.WallNow(), absl::Minutes(39));
}

// Whatever a correction of less than a minute was, no token outlives its end.
TEST_F(LifetimeTest, AfterAnotherBootALittleSetBackIsCoveredByThatMinute) {
  const StoredToken stored = Stored(absl::Hours(1));
  clock_.Reboot();
  clock_.JumpWall(-absl::Seconds(59));
  EXPECT_EQ(FromStore(stored)->expires - clock_.Now(), absl::Minutes(59));
}

// It may have been spent by then: nobody knows.
TEST_F(LifetimeTest, AfterAnotherBootATokenFromTheFutureIsNotTrusted) {
  const StoredToken stored = Stored(absl::Hours(1));
  clock_.Reboot();
  clock_.JumpWall(-absl::Hours(5));
  EXPECT_EQ(FromStore(stored)->expires, clock_.Now());
}

TEST_F(LifetimeTest, AnEarlierVersionsTokenIsLikeOneOfAnotherBoot) {
  StoredToken stored = Stored(absl::Hours(1));
  stored.issued = stored.issued.wall;
  clock_.Advance(absl::Minutes(20));
  EXPECT_EQ(FromStore(stored)->expires - clock_.Now(), absl::Minutes(39));
}

TEST_F(LifetimeTest, AMomentOfThisBootThatLiesAheadIsNone) {
  const Moment ahead = clock_.MomentAt(clock_.Now() + absl::Nanoseconds(1));
  EXPECT_FALSE(OnThisBoot(ahead, clock_).has_value());
}

TEST_F(LifetimeTest, DoubtIsAsOldAsThisBootSaysAndOfAnotherTooOldForAnyWindow) {
  const MonotonicTime lost = clock_.Now();
  const Moment moment = clock_.MomentAt(lost);
  clock_.Advance(absl::Seconds(5));
  clock_.JumpWall(-absl::Minutes(1));
  EXPECT_EQ(DoubtSince(moment, clock_), lost);
  EXPECT_EQ(DoubtSince(moment.wall, clock_), MonotonicTime::LongAgo()) << "of an earlier version";
  clock_.Reboot();
  EXPECT_EQ(DoubtSince(moment, clock_), MonotonicTime::LongAgo());
}

TEST_F(LifetimeTest, AKeepaliveIsNotPutOffByAWallClockSetBack) {
  constexpr absl::Duration kWeek = absl::Hours(168);
  broker::CredentialRecord record;
  record.create_time = clock_.WallNow() - absl::Hours(1000);
  record.token = Stored(absl::Hours(1));
  const MonotonicTime refreshed = clock_.Now();
  clock_.Advance(absl::Hours(160));
  clock_.JumpWall(-absl::Hours(150));
  EXPECT_EQ(LastRefresh(record, kWeek, clock_), refreshed);
  // Of another boot, and ahead of the wall clock: it may be due.
  clock_.Reboot();
  clock_.JumpWall(-absl::Hours(20));
  EXPECT_EQ(LastRefresh(record, kWeek, clock_), clock_.Now() - kWeek);
  clock_.JumpWall(absl::Hours(12));
  EXPECT_EQ(LastRefresh(record, kWeek, clock_), clock_.Now() - absl::Hours(2));
}

TEST_F(LifetimeTest, AStoredTokenThatExpiredBeforeItWasIssuedHasNoLife) {
  const AccessTokenPtr token = FromStore(Stored(-absl::Hours(1)));
  EXPECT_EQ(token->lifetime, absl::ZeroDuration());
  EXPECT_EQ(token->expires, token->issued);
}

TEST_F(LifetimeTest, TenYearsFit) {
  const AccessTokenPtr token = Fresh(absl::Hours(87600));
  EXPECT_EQ(token->expires - token->issued, absl::Hours(87600));
}

}  // namespace
}  // namespace token_service::testing
