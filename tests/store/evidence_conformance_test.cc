// What every store does with the answers that are kept.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/store/conformance.h"
#include "tests/store/records.h"

namespace token_service::testing {
namespace {

using broker::Evidence;
using broker::EvidenceMark;
using ::testing::ElementsAre;

class EvidenceConformance : public ConformanceTest {
 protected:
  EvidenceConformance() { EXPECT_TRUE(store_->Create(NewRecord()).ok()); }

  Evidence Answer(std::string_view body, bool stands = true) {
    return {.name = std::string(kName),
            .attempt_id = "attempt-" + std::string(body),
            .generation = 1,
            .body = Secret(body),
            .http_status = 201,
            .grant_serial = Load().grant_serial,
            .stands = stands};
  }
  void Keep(std::string_view body, bool stands = true) {
    EXPECT_TRUE(store_->Quarantine(Answer(body, stands)).ok());
  }
  std::vector<Evidence> Kept() {
    auto list = store_->ListEvidence(kName);
    EXPECT_TRUE(list.ok());
    return list.ok() ? *std::move(list) : std::vector<Evidence>();
  }
  std::vector<std::string> Bodies() {
    std::vector<std::string> bodies;
    for (const Evidence& evidence : Kept()) bodies.emplace_back(evidence.body.Reveal());
    return bodies;
  }
};

TEST_P(EvidenceConformance, ComesBackAsItWasKept) {
  Keep("one");
  if (GetParam().durable) Reopen();
  const std::vector<Evidence> kept = Kept();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].body.Reveal(), "one");
  EXPECT_EQ(kept[0].http_status, 201);
  EXPECT_EQ(kept[0].time, clock_.WallNow());
  EXPECT_TRUE(kept[0].stands);
  EXPECT_FALSE(kept[0].tried);
  EXPECT_FALSE(kept[0].id.empty());
  EXPECT_EQ(Load().standing_evidence, 1);
  EXPECT_EQ(store_->ListEvidence("nobody").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(EvidenceConformance, TheSameAnswerIsKeptOnce) {
  for (int i = 0; i < 5; ++i) Keep("the same");
  EXPECT_THAT(Bodies(), ElementsAre("the same"));
}

TEST_P(EvidenceConformance, ABeginTellsWhetherSomeStands) {
  Keep("stands");
  Keep("does not", /*stands=*/false);
  auto begun = store_->Begin(MakeBegin("a"));
  ASSERT_TRUE(begun.ok());
  EXPECT_EQ(std::get<broker::Begun>(*begun).record.standing_evidence, 1);
}

TEST_P(EvidenceConformance, IsHistoryOnceAnotherRefreshTokenIsStored) {
  Keep("one");
  Rotate(*store_, 0);
  EXPECT_EQ(Load().standing_evidence, 0);
  EXPECT_FALSE(Kept().at(0).stands);
  Keep("two");
  EXPECT_EQ(Load().standing_evidence, 1);
  EXPECT_TRUE(store_->ReplaceRefreshToken(kName, Secret(std::string_view("new"))).ok());
  EXPECT_EQ(Load().standing_evidence, 0);
  EXPECT_EQ(Kept().size(), 2u);
}

TEST_P(EvidenceConformance, StandsForTheRefreshTokenThatItIsAbout) {
  Evidence beside = Answer("beside a token");
  ++beside.grant_serial;
  EXPECT_TRUE(store_->Quarantine(beside).ok());
  EXPECT_EQ(Load().standing_evidence, 1);
  Rotate(*store_, 0);
  EXPECT_EQ(Load().standing_evidence, 1);
}

TEST_P(EvidenceConformance, IsMarkedAndDiscardedById) {
  Keep("one");
  Keep("two");
  const std::vector<Evidence> kept = Kept();
  EXPECT_TRUE(store_->MarkEvidence(kName, kept.at(0).id, EvidenceMark::kRefused).ok());
  EXPECT_TRUE(store_->MarkEvidence(kName, kept.at(1).id, EvidenceMark::kTried).ok());
  EXPECT_FALSE(Kept().at(0).stands);
  EXPECT_TRUE(Kept().at(1).tried);
  EXPECT_TRUE(Kept().at(1).stands);
  EXPECT_TRUE(store_->DiscardEvidence(kName, kept.at(1).id).ok());
  EXPECT_THAT(Bodies(), ElementsAre("one"));
  EXPECT_EQ(Load().standing_evidence, 0);
  for (const std::string& id : {kept.at(1).id, std::string("7"), std::string("x"), std::string()}) {
    EXPECT_TRUE(absl::IsNotFound(store_->DiscardEvidence(kName, id))) << id;
    EXPECT_TRUE(absl::IsNotFound(store_->MarkEvidence(kName, id, EvidenceMark::kTried))) << id;
  }
}

// docs/adr/0024-spent-tokens.md
TEST_P(EvidenceConformance, TheRefreshTokenInItIsSpentOnceItIsSent) {
  Keep("one");
  const Secret candidate(std::string_view("candidate"));
  EXPECT_FALSE(Kept().at(0).sent);
  for (int time = 1; time <= 2; ++time) {  // A replay.
    ASSERT_TRUE(store_->SendCandidate(kName, Kept().at(0).id, candidate).ok());
    if (GetParam().durable) Reopen();
    EXPECT_TRUE(Kept().at(0).sent);
    EXPECT_TRUE(store_->LookUp(kName, candidate)->spent.has_value());
  }
  EXPECT_TRUE(broker::SpentTokenOf(store_->ReplaceRefreshToken(kName, candidate)).has_value());
  EXPECT_TRUE(absl::IsNotFound(store_->SendCandidate(kName, "7", candidate)));
  EXPECT_TRUE(absl::IsNotFound(store_->SendCandidate("nobody", Kept().at(0).id, candidate)));
}

TEST_P(EvidenceConformance, WhatIsSpentByAnotherWayIsNoCandidate) {
  Rotate(*store_, 0);
  Keep("one");
  const Secret old(RefreshTokenOf(kName, 0));
  const absl::Status sent = store_->SendCandidate(kName, Kept().at(0).id, old);
  EXPECT_TRUE(broker::SpentTokenOf(sent).has_value()) << sent;
  EXPECT_FALSE(Kept().at(0).sent);
}

TEST_P(EvidenceConformance, TheProvidersWordCountsForACandidateToo) {
  Keep("one");
  const Secret candidate(std::string_view("candidate"));
  ASSERT_TRUE(store_->SendCandidate(kName, Kept().at(0).id, candidate).ok());
  ASSERT_TRUE(store_->Begin(MakeBegin("a")).ok());
  broker::Rotation rotation = MakeRotation("a");
  rotation.refresh_token = candidate.Copy();
  ASSERT_TRUE(store_->Commit(rotation).ok());
  const auto known = store_->LookUp(kName, candidate);
  EXPECT_TRUE(known->current);
  EXPECT_FALSE(known->spent.has_value());
}

TEST_P(EvidenceConformance, ACandidateThatWasReplacedStaysSpent) {
  Keep("one");
  const Secret candidate(std::string_view("candidate"));
  ASSERT_TRUE(store_->SendCandidate(kName, Kept().at(0).id, candidate).ok());
  Rotate(*store_, 0);
  EXPECT_TRUE(store_->LookUp(kName, candidate)->spent.has_value());
}

// The first after the last good answer and the newest are the likeliest to hold what is live.
TEST_P(EvidenceConformance, OfTooManyWhatStandsNoMoreGoesFirstAndNeverTheFirstThatStands) {
  Keep("history");
  Rotate(*store_, 0);
  Keep("first");
  Keep("aside", /*stands=*/false);
  for (size_t i = 0; i < broker::kMostEvidence - 2; ++i) Keep("more " + std::to_string(i));
  std::vector<std::string> bodies = Bodies();
  ASSERT_EQ(bodies.size(), broker::kMostEvidence);
  EXPECT_EQ(bodies.front(), "first");
  EXPECT_EQ(bodies.at(1), "aside");
  Keep("another");
  Keep("newest");
  bodies = Bodies();
  ASSERT_EQ(bodies.size(), broker::kMostEvidence);
  EXPECT_EQ(bodies.front(), "first");
  EXPECT_EQ(bodies.at(1), "more 1");
  EXPECT_EQ(bodies.back(), "newest");
}

INSTANTIATE_TEST_SUITE_P(Stores, EvidenceConformance, ::testing::ValuesIn(AllStores()), KindName);

}  // namespace
}  // namespace token_service::testing
