#include "server/broker/lifetime.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_clock.h"

namespace token_service::testing {
namespace {

using broker::AccessTokenPtr;
using broker::MakeAccessToken;
using broker::PreferredValidity;
using broker::StoredToken;

class LifetimeTest : public ::testing::Test {
 protected:
  StoredToken Stored(absl::Duration lifetime) const {
    return {.value = Secret(std::string_view("token")),
            .token_type = "Bearer",
            .issued = clock_.WallNow(),
            .expires = clock_.WallNow() + lifetime};
  }
  AccessTokenPtr Fresh(absl::Duration lifetime) {
    return MakeAccessToken("alpha", 1, Stored(lifetime), absl::Seconds(10), clock_.Now());
  }
  AccessTokenPtr FromStore(const StoredToken& stored) {
    return MakeAccessToken("alpha", 1, stored, absl::Seconds(10), clock_);
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

// It may have been spent by then: nobody knows.
TEST_F(LifetimeTest, AStoredTokenIsNotTrustedUnderAWallClockSetBack) {
  const StoredToken stored = Stored(absl::Hours(1));
  clock_.JumpWall(-absl::Hours(5));
  const AccessTokenPtr token = FromStore(stored);
  EXPECT_EQ(token->expires, clock_.Now());
}

TEST_F(LifetimeTest, AClockThatIsALittleBehindIsNoMatter) {
  const StoredToken stored = Stored(absl::Hours(1));
  clock_.JumpWall(-absl::Seconds(59));
  EXPECT_EQ(FromStore(stored)->expires - clock_.Now(), absl::Hours(1));
}

TEST_F(LifetimeTest, AWallClockSetForwardOnlyShortensALife) {
  const StoredToken stored = Stored(absl::Hours(1));
  clock_.JumpWall(absl::Hours(5));
  EXPECT_LT(FromStore(stored)->expires, clock_.Now());
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
