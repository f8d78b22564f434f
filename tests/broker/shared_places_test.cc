#include "server/broker/shared_places.h"

#include <gtest/gtest.h>

namespace token_service::broker {
namespace {

int TakeAll(SharedPlaces& places, SharedPlaces::Holder holder, int most = 1000) {
  int taken = 0;
  while (taken < most && places.Take(holder)) ++taken;
  return taken;
}

TEST(SharedPlacesTest, WhoeverIsNotToldApartMayHaveThemAll) {
  SharedPlaces places(8);
  EXPECT_EQ(TakeAll(places, SharedPlaces::kNobody), 8);
  EXPECT_FALSE(places.Take(1));
}

TEST(SharedPlacesTest, OneAloneGetsThreeQuartersAndAnotherTheRest) {
  SharedPlaces places(8);
  EXPECT_EQ(TakeAll(places, 1), 6);
  EXPECT_EQ(TakeAll(places, 2), 2);
  EXPECT_EQ(places.taken(), 8u);
  EXPECT_FALSE(places.Take(3));
}

TEST(SharedPlacesTest, NobodyIsKeptOutByOneWhoHasMoreThanItsShare) {
  SharedPlaces places(100);
  EXPECT_EQ(TakeAll(places, 1), 75);
  for (SharedPlaces::Holder modest = 2; modest < 27; ++modest) EXPECT_TRUE(places.Take(modest));
}

TEST(SharedPlacesTest, WhatIsGivenBackIsThereAgain) {
  SharedPlaces places(4);
  EXPECT_EQ(TakeAll(places, 1), 3);
  places.Give(1);
  EXPECT_TRUE(places.Take(1));
  for (int i = 0; i < 3; ++i) places.Give(1);
  EXPECT_EQ(places.taken(), 0u);
  EXPECT_EQ(TakeAll(places, 2), 3);
}

TEST(SharedPlacesTest, FewerThanFourAreForWhoeverComes) {
  SharedPlaces places(2);
  EXPECT_EQ(TakeAll(places, 1), 2);
}

TEST(SharedPlacesTest, FewerFromNowOnTakesNothingAway) {
  SharedPlaces places(8);
  EXPECT_EQ(TakeAll(places, 1), 6);
  places.SetMost(4);
  EXPECT_FALSE(places.Take(2));
  EXPECT_EQ(places.taken(), 6u);
}

}  // namespace
}  // namespace token_service::broker
