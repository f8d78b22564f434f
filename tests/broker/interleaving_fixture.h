#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/broker/broker_fixture.h"
#include "tests/testing/begin_of.h"

namespace token_service::testing {

// What can come between the steps of a rotation (docs/adr/0001-rotation.md): crashes, lost answers,
// a store that fails, other holders, an operator.
class InterleavingTest : public BrokerTest {
 protected:
  InterleavingTest() { Create("alpha"); }

  // A token of 40 minutes' age, known to rotate, not yet to be refreshed.
  void StartWithOldToken() {
    StartAndRun();
    Elapse(absl::Minutes(40));
    ASSERT_EQ(provider_.count(), 1);
  }
  // A caller whom that token does not satisfy.
  Caller& GetFresher() { return GetValidFor(absl::Minutes(30)); }

  std::string LastPosted() { return provider_.posts().back().refresh_token; }

  void BeginOnRecord(std::string holder) {
    ASSERT_TRUE(memory_.Begin(BeginOf(Record(), "theirs", std::move(holder))).ok());
  }
  // The attempt on record brought a token.
  void TheyCommit() {
    broker::Rotation rotation{.name = "alpha",
                              .attempt_id = "theirs",
                              .generation = Record().reserved_generation,
                              .refresh_token = Secret(std::string_view("alpha/theirs")),
                              .rotated = true,
                              .token = {.value = Secret(std::string_view("their access token")),
                                        .token_type = "Bearer",
                                        .lifetime = absl::Hours(1)}};
    ASSERT_TRUE(memory_.Commit(rotation).ok());
  }
  int64_t EvidenceKept() { return *memory_.CountEvidence("alpha"); }
};

}  // namespace token_service::testing
