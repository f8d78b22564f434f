#include "server/broker/refresh_calendar.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "tests/testing/fake_clock.h"

namespace token_service::testing {
namespace {

using broker::AccessToken;
using broker::RefreshCalendar;

class RefreshCalendarTest : public ::testing::Test {
 protected:
  AccessToken Token(absl::Duration lifetime) const {
    AccessToken token;
    token.lifetime = lifetime;
    token.issued = clock_.Now();
    token.expires = token.issued + lifetime;
    return token;
  }
  // After how much of its life a token drawn now is to be refreshed.
  double Draw(const AccessToken& token) {
    return absl::FDivDuration(calendar_.Draw(token, clock_.Now(), random_) - token.issued,
                              token.lifetime);
  }
  // `each` refreshes in every slot from there to there of a life that starts now.
  void Crowd(absl::Duration lifetime, double from, double to, int each) {
    for (MonotonicTime when = clock_.Now() + lifetime * from;
         when <= clock_.Now() + lifetime * to;) {
      RefreshCalendar::Slot slot;
      for (int i = 0; i < each; ++i) slot = calendar_.Enter(when, lifetime);
      when = when + absl::Milliseconds(slot.width);
    }
  }

  FakeClock clock_;
  RefreshCalendar calendar_;
  std::mt19937 random_{1};
};

TEST_F(RefreshCalendarTest, DrawsBetween75And85PercentOfTheLifetime) {
  std::set<double> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(Draw(Token(absl::Hours(1))));
  EXPECT_GE(*drawn.begin(), 0.75);
  EXPECT_LE(*drawn.rbegin(), 0.85);
  EXPECT_LT(*drawn.begin(), 0.76);
  EXPECT_GT(*drawn.rbegin(), 0.84);
}

TEST_F(RefreshCalendarTest, DrawsEarlierWhereTheUsualMomentsAreCrowded) {
  Crowd(absl::Hours(1), 0.70, 0.90, 100);
  std::set<double> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(Draw(Token(absl::Hours(1))));
  EXPECT_GE(*drawn.begin(), 0.10);
  EXPECT_LE(*drawn.rbegin(), 0.85);
  EXPECT_LT(*drawn.begin(), 0.12);
}

TEST_F(RefreshCalendarTest, SixteenAreNoCrowd) {
  Crowd(absl::Hours(1), 0.70, 0.90, 16);
  for (int i = 0; i < 1000; ++i) EXPECT_GE(Draw(Token(absl::Hours(1))), 0.75);
}

TEST_F(RefreshCalendarTest, WhereEveryMomentIsAsCrowdedNothingIsDrawnEarlier) {
  Crowd(absl::Hours(1), 0, 0.90, 100);
  for (int i = 0; i < 1000; ++i) EXPECT_GE(Draw(Token(absl::Hours(1))), 0.75);
}

TEST_F(RefreshCalendarTest, ACrowdThatHasLeftIsNone) {
  std::vector<RefreshCalendar::Slot> slots;
  for (int i = 0; i < 1000; ++i) {
    slots.push_back(calendar_.Enter(clock_.Now() + absl::Minutes(45 + i % 7), absl::Hours(1)));
  }
  EXPECT_GT(calendar_.slots(), 0);
  for (const RefreshCalendar::Slot& slot : slots) calendar_.Leave(slot);
  EXPECT_EQ(calendar_.slots(), 0);
  for (int i = 0; i < 1000; ++i) EXPECT_GE(Draw(Token(absl::Hours(1))), 0.75);
}

// A restart at 80 % is no reason to refresh at once all who drew less this time.
TEST_F(RefreshCalendarTest, ATokenFromTheStoreIsDrawnFromWhatIsLeft) {
  const AccessToken token = Token(absl::Hours(1));
  clock_.Advance(absl::Minutes(48));
  for (int i = 0; i < 1000; ++i) {
    const double at = Draw(token);
    EXPECT_GE(at, 0.80);
    EXPECT_LE(at, 0.85);
  }
  clock_.Advance(absl::Minutes(10));
  EXPECT_DOUBLE_EQ(Draw(token), 0.85);
}

TEST_F(RefreshCalendarTest, LivesOfAnyLengthHaveAMomentAndASlot) {
  for (const absl::Duration lifetime :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Milliseconds(31), absl::Hours(87600)}) {
    const AccessToken token = Token(lifetime);
    const MonotonicTime when = calendar_.Draw(token, clock_.Now(), random_);
    EXPECT_GE(when, token.issued) << lifetime;
    EXPECT_LE(when, token.expires) << lifetime;
    calendar_.Leave(calendar_.Enter(when, lifetime));
    EXPECT_EQ(calendar_.slots(), 0) << lifetime;
  }
}

}  // namespace
}  // namespace token_service::testing
