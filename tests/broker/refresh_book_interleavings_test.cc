// RefreshBook under every order of what can happen to one credential, as far as kDepth events go:
// what model/rotation.pml lets happen to the scheduler. After each event, and once the provider is
// well again, what must be true is looked at.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/broker/scripted_book.h"

namespace token_service::testing {
namespace {

constexpr int kDepth = 4;

// FLIGHT stands for the one that is out, SEEN for the generation that callers see.
const std::vector<std::string>& Events() {
  static const auto* const events = new std::vector<std::string>{
      "demand alpha now seen=SEEN",
      "demand alpha rejected seen=SEEN",
      "demand alpha operator",
      "demand alpha insists",
      "replaced alpha",
      "settings alpha",
      "disable alpha",
      "enable alpha",
      "released alpha",
      "evidence alpha",
      "wait 1m",
      "lands FLIGHT granted",
      "lands FLIGHT in_doubt",
      "lands FLIGHT dead",
      "lands FLIGHT outage",
      "lands FLIGHT throttled",
      "lands FLIGHT unsaved",
      "lands FLIGHT unsaved_evidence",
      "lands FLIGHT unsaved_death",
      "lands FLIGHT client_refused",
      "lands FLIGHT elsewhere",
      "lands FLIGHT outdated",
      "lands FLIGHT store",
  };
  return *events;
}

// What is known of the credential from outside of the book.
class Story {
 public:
  explicit Story(const std::string& start) { Tell(start); }

  // False: it cannot happen now.
  bool Happens(std::string event) {
    if (absl::StrContains(event, "FLIGHT")) {
      if (book_.flights().empty()) return false;
      const bool stored = absl::EndsWith(event, " granted") || absl::EndsWith(event, " unsaved");
      if (persists_ && !stored) return false;
      const auto [flight, name] = *book_.flights().begin();
      Land(event);
      event = Replace(event, "FLIGHT", absl::StrCat(flight));
    }
    Tell(Replace(event, "SEEN", absl::StrCat(seen_.value_or(0))));
    return true;
  }

  // The provider answers, the store takes what it is given, and time passes.
  void Settles() {
    for (int i = 0; i < 60 && !Settled(); ++i) {
      if (!book_.flights().empty()) {
        Happens("lands FLIGHT granted");
      } else if (book_.armed()) {
        Tell(absl::StrCat("wait ", absl::FormatDuration(book_.armed_in())));
      }
    }
    if (!Settled()) Wrong("somebody waits for ever, or has no token though nothing hinders");
  }

  const std::vector<std::string>& wrong() const { return wrong_; }
  std::string told() const { return absl::StrJoin(told_, "\n"); }

 private:
  static std::string Replace(std::string text, std::string_view what, const std::string& by) {
    if (const size_t at = text.find(what); at != std::string::npos) {
      text.replace(at, what.size(), by);
    }
    return text;
  }

  bool Settled() const {
    const bool served = seen_.has_value() || disabled_ || dead_ || held_ || evidence_;
    return served && waiting_ == 0 && book_.flights().empty();
  }

  void Wrong(const std::string& what) { wrong_.push_back(what); }

  // A landing whose flight carried what was replaced meanwhile says nothing of the new token.
  void Land(const std::string& event) {
    const bool news = !replaced_meanwhile_;
    unsaved_ = absl::StrContains(event, "unsaved");
    const bool granted = absl::EndsWith(event, " granted");
    const bool last_words = granted && persisting_death_;
    if (!unsaved_) replaced_meanwhile_ = false;
    persisting_death_ = unsaved_ && (persisting_death_ || absl::EndsWith(event, "_death"));
    if (granted && !last_words) dead_ = false;
    if (!news) return;
    if (absl::EndsWith(event, "death") || absl::EndsWith(event, " dead") || last_words) {
      dead_ = true;
    }
    if (absl::EndsWith(event, " unsaved_evidence")) evidence_ = true;
  }

  void Tell(const std::string& event) {
    told_.push_back(event);
    const bool forced =
        absl::StrContains(event, " operator") || absl::StrContains(event, " insists");
    if (absl::StartsWith(event, "replaced")) {
      replaced_meanwhile_ = !book_.flights().empty();
      dead_ = held_ = evidence_ = false;
    }
    if (absl::StartsWith(event, "add")) held_ = absl::StrContains(event, " held");
    if (absl::StartsWith(event, "released")) held_ = false;
    if (absl::StartsWith(event, "evidence")) evidence_ = false;
    if (absl::StartsWith(event, "disable")) disabled_ = true;
    if (absl::StartsWith(event, "enable")) {
      disabled_ = false;
      // Anew, as if just found in the store: as a usable one, by the script's words.
      if (book_.flights().empty() && !unsaved_) dead_ = held_ = evidence_ = false;
    }
    replaces_ = absl::StartsWith(event, "replaced");
    for (const std::string& line : book_.On(event)) {
      told_.push_back("  " + line);
      See(line, forced);
    }
    if (book_.flights().size() > 1) Wrong("two flights at once");
  }

  void See(const std::string& line, bool forced) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "persist") {
      persists_ = true;
      if (replaces_) replaced_meanwhile_ = true;
    } else if (words[0] == "fly") {
      persists_ = false;
      if (dead_ && !absl::StrContains(line, "even if rejected")) Wrong("a dead grant is sent");
      if (held_) Wrong("one that is held is sent");
      if (disabled_) Wrong("one that is disabled is sent");
      if (!forced && absl::StrContains(line, "take over")) Wrong("nobody insists");
    } else if (words[0] == "publish") {
      uint64_t generation = 0;
      EXPECT_TRUE(absl::SimpleAtoi(words[2], &generation));
      if (generation < seen_.value_or(0)) Wrong("an older token is published");
      if (disabled_) Wrong("a token of one that is disabled is published");
      seen_ = generation;
    } else if (words[0] == "withdraw" || words[0] == "stop") {
      seen_.reset();
    } else if (words[0] == "tell") {
      waiting_ = 0;
    } else if (line == "answer underway") {
      ++waiting_;
    }
  }

  ScriptedBook book_;
  std::optional<uint64_t> seen_;
  int waiting_ = 0;
  bool dead_ = false;
  bool held_ = false;
  bool disabled_ = false;
  bool evidence_ = false;
  bool replaced_meanwhile_ = false;
  bool unsaved_ = false;
  bool persisting_death_ = false;
  bool persists_ = false;  // What is out is a try to store an answer.
  bool replaces_ = false;  // The event under way does.
  std::vector<std::string> told_;
  std::vector<std::string> wrong_;
};

// The next sequence of `depth` events; false: that was the last one.
bool Next(std::vector<size_t>& sequence) {
  for (size_t i = sequence.size(); i-- > 0;) {
    if (++sequence[i] < Events().size()) return true;
    sequence[i] = 0;
  }
  return false;
}

class RefreshBookInterleavings : public ::testing::TestWithParam<std::string> {};

TEST_P(RefreshBookInterleavings, WhateverHappensInWhateverOrder) {
  std::vector<size_t> sequence(kDepth, 0);
  int played = 0;
  do {
    Story story(GetParam());
    size_t happened = 0;
    while (happened < sequence.size() && story.Happens(Events()[sequence[happened]])) ++happened;
    if (happened < sequence.size()) {
      // What cannot happen here cannot happen with anything after it either.
      for (size_t i = happened + 1; i < sequence.size(); ++i) sequence[i] = Events().size() - 1;
      continue;
    }
    ++played;
    story.Settles();
    ASSERT_TRUE(story.wrong().empty()) << absl::StrJoin(story.wrong(), "\n") << "\n"
                                       << story.told();
  } while (Next(sequence));
  EXPECT_GT(played, 10'000);
  RecordProperty("played", played);
}

INSTANTIATE_TEST_SUITE_P(From, RefreshBookInterleavings,
                         ::testing::Values("add alpha", "add alpha rotates token=10m generation=3",
                                           "add alpha rotates token=10m generation=3 doubt=2s",
                                           "add alpha rotates doubt=1h",
                                           "add alpha rotates held token=10m generation=3",
                                           "add alpha rotates on_demand token=10m generation=3"));

}  // namespace
}  // namespace token_service::testing
