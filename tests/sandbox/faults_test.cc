#include "tests/sandbox/faults.h"

#include <gtest/gtest.h>

#include <vector>

namespace token_service::sandbox {
namespace {

std::vector<Fault> Draw(FaultPlan& plan, int count) {
  std::vector<Fault> faults;
  for (int i = 0; i < count; ++i) faults.push_back(plan.Next().fault);
  return faults;
}

TEST(FaultTest, EveryNameParsesToItsFault) {
  for (const Fault fault : AllFaults()) EXPECT_EQ(ParseFault(FaultName(fault)), fault);
  EXPECT_EQ(ParseFault("gremlins"), std::nullopt);
}

TEST(FaultTest, NamesSayWhetherTheTokenIsSpent) {
  for (const Fault fault : AllFaults()) {
    const std::string_view name = FaultName(fault);
    if (name.ends_with("_before")) {
      EXPECT_FALSE(SpendsRefreshToken(fault)) << name;
    }
    if (name.ends_with("_after_rotating")) {
      EXPECT_TRUE(SpendsRefreshToken(fault)) << name;
    }
  }
}

TEST(FaultPlanTest, OrderedFaultsHitTheNextRequestsOnly) {
  FaultPlan plan({}, 1, 1);
  plan.Order({.fault = Fault::kHtml}, 2);
  EXPECT_EQ(Draw(plan, 3), (std::vector{Fault::kHtml, Fault::kHtml, Fault::kNone}));
}

TEST(FaultPlanTest, AnOrderWithoutEndLastsUntilTakenBack) {
  FaultPlan plan({}, 1, 1);
  plan.Order({.fault = Fault::kHtml}, -1);
  EXPECT_EQ(Draw(plan, 100), std::vector(100, Fault::kHtml));
  plan.Order({}, 0);
  EXPECT_EQ(Draw(plan, 1), std::vector{Fault::kNone});
}

TEST(FaultPlanTest, RateOneAlwaysFailsRateZeroNever) {
  FaultPlan always({.fault = Fault::kEmpty}, 1, 1);
  FaultPlan never({.fault = Fault::kEmpty}, 0, 1);
  EXPECT_EQ(Draw(always, 50), std::vector(50, Fault::kEmpty));
  EXPECT_EQ(Draw(never, 50), std::vector(50, Fault::kNone));
}

TEST(FaultPlanTest, TheSeedDecidesWhichRequestsFail) {
  FaultPlan a({.fault = Fault::kEmpty}, 0.5, 7);
  FaultPlan same({.fault = Fault::kEmpty}, 0.5, 7);
  FaultPlan other({.fault = Fault::kEmpty}, 0.5, 8);
  const std::vector<Fault> drawn = Draw(a, 64);
  EXPECT_EQ(drawn, Draw(same, 64));
  EXPECT_NE(drawn, Draw(other, 64));
}

TEST(FaultPlanTest, RequestsThatDoNotFailKeepTheLatency) {
  FaultPlan plan({.fault = Fault::kEmpty, .latency = absl::Milliseconds(3)}, 0, 1);
  EXPECT_EQ(plan.Next().latency, absl::Milliseconds(3));
}

}  // namespace
}  // namespace token_service::sandbox
