#include "tests/broker/scripted_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace token_service::testing {

using broker::AccessToken;
using broker::AttemptEnd;
using broker::CredentialRecord;
using broker::CredentialSettings;
using broker::GrantState;
using broker::Reason;
using broker::RefreshActions;
using broker::RefreshBook;
using broker::RefreshFacts;
using broker::RefreshFailed;
using broker::RefreshOptions;
using broker::RefreshResult;
using broker::StandingEvidence;
using broker::Unpersisted;

namespace {

constexpr absl::Duration kLifetime = absl::Hours(1);
const absl::Time kWall = absl::FromUnixSeconds(1'800'000'000);

// Backoffs without jitter.
RefreshOptions Options() {
  RefreshOptions options;
  options.backoff.jitter = 0;
  options.breaker.backoff.jitter = 0;
  return options;
}

// The value of KEY=VALUE among the words; empty: it is not there.
std::string ValueOf(const std::vector<std::string>& words, const std::string& key) {
  for (const std::string& word : words) {
    if (absl::StartsWith(word, absl::StrCat(key, "="))) return word.substr(key.size() + 1);
  }
  return "";
}

bool Has(const std::vector<std::string>& words, std::string_view what) {
  return std::find(words.begin(), words.end(), what) != words.end();
}

absl::Duration Parse(const std::string& text) {
  absl::Duration duration;
  EXPECT_TRUE(absl::ParseDuration(text, &duration)) << text;
  return duration;
}

uint64_t Number(const std::string& text) {
  uint64_t number = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &number)) << text;
  return number;
}

RefreshBook::Need NeedOf(const std::string& word) {
  if (word == "soon") return RefreshBook::Need::kSoon;
  if (word == "now") return RefreshBook::Need::kNow;
  if (word == "rejected") return RefreshBook::Need::kRejected;
  if (word == "operator") return RefreshBook::Need::kOperator;
  EXPECT_EQ(word, "insists");
  return RefreshBook::Need::kOperatorInsists;
}

std::string Words(const broker::Refusal& refusal) {
  std::string words(ReasonName(refusal.reason));
  if (refusal.retry_after.has_value()) {
    absl::StrAppend(&words, " again in ", absl::FormatDuration(*refusal.retry_after));
  }
  return words;
}

RefreshFailed Failed(const std::string& how) {
  if (how == "dead") return {.end = AttemptEnd::kDead, .reason = Reason::kRefreshTokenRejected};
  if (how == "in_doubt") {
    return {.end = AttemptEnd::kInDoubt, .reason = Reason::kProviderUnavailable, .outage = true};
  }
  if (how == "client_refused") {
    return {.end = AttemptEnd::kClientRefused, .reason = Reason::kClientRejected};
  }
  if (how == "throttled") {
    return {.end = AttemptEnd::kUnspent,
            .reason = Reason::kProviderThrottled,
            .retry_after = absl::Seconds(30)};
  }
  EXPECT_TRUE(how == "unspent" || how == "outage") << how;
  return {.end = AttemptEnd::kUnspent,
          .reason = Reason::kProviderUnavailable,
          .outage = how == "outage"};
}

std::shared_ptr<const CredentialSettings> SettingsOf(const std::vector<std::string>& words) {
  auto settings = std::make_shared<CredentialSettings>();
  settings->name = words.at(1);
  settings->token_endpoint = ValueOf(words, "endpoint");
  if (const std::string window = ValueOf(words, "window"); !window.empty()) {
    settings->replay_window = Parse(window);
  }
  if (Has(words, "on_demand")) settings->refresh = broker::RefreshMode::kOnDemand;
  return settings;
}

}  // namespace

ScriptedBook::ScriptedBook()
    : book_(
          Options(), [](std::string_view) { return std::nullopt; }, random_) {}

std::vector<std::string> ScriptedBook::On(std::string_view event) {
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(event.data(), event.size()), ' ', absl::SkipEmpty());
  answer_.clear();
  RefreshActions actions = Happen(words);
  std::vector<std::string> lines;
  for (broker::RefreshAction& action : actions) {
    if (auto* persist = std::get_if<broker::StartPersist>(&action)) {
      unsaved_.emplace(persist->flight, std::move(persist->answer));
    }
    lines.push_back(Words(action));
  }
  if (!answer_.empty()) lines.push_back(absl::StrCat("answer ", answer_));
  return lines;
}

RefreshActions ScriptedBook::Happen(const std::vector<std::string>& words) {
  const std::string& verb = words.at(0);
  const std::string subject = words.size() > 1 ? words[1] : "";
  if (verb == "add") return Add(words);
  if (verb == "lands") return Land(words);
  if (verb == "settings") {
    return book_.OnSettings(SettingsOf(declared_.at(subject)), now_);
  }
  if (verb == "disable") return book_.OnDisabled(subject, now_);
  if (verb == "enable") {
    CredentialRecord record;
    record.name = subject;
    return book_.OnEnabled(SettingsOf(declared_.at(subject)), record, {}, now_);
  }
  if (verb == "remove")
    return book_.OnRemoved(
        subject, [] {}, now_);
  if (verb == "replaced") return book_.OnGrantReplaced(subject, RefreshBook::Hold::kEnds, now_);
  if (verb == "replaced_held") {
    return book_.OnGrantReplaced(subject, RefreshBook::Hold::kStays, now_);
  }
  if (verb == "released") return book_.OnReleased(subject, now_);
  if (verb == "evidence") return book_.OnEvidenceChanged(subject, now_);
  if (verb == "drain") return book_.OnDraining(now_);
  if (verb == "patience") return book_.OnPatienceEnd(Number(subject));
  if (verb == "demand") {
    const std::string seen = ValueOf(words, "seen");
    auto demanded =
        book_.OnDemand(subject, NeedOf(words.at(2)), seen.empty() ? 0 : Number(seen), now_);
    if (const auto* refusal = std::get_if<broker::Refusal>(&demanded.answer)) {
      answer_ = testing::Words(*refusal);
    } else {
      const bool underway = std::holds_alternative<RefreshBook::Underway>(demanded.answer);
      answer_ = underway ? "underway" : "superseded";
    }
    return std::move(demanded.actions);
  }
  EXPECT_EQ(verb, "wait");
  now_ = now_ + Parse(subject);
  if (armed_ > now_) return {};
  armed_ = MonotonicTime::Never();
  return book_.OnTimer(now_);
}

RefreshActions ScriptedBook::Add(const std::vector<std::string>& words) {
  const auto settings = SettingsOf(words);
  declared_[settings->name] = words;
  CredentialRecord record;
  record.name = settings->name;
  record.disabled = Has(words, "disabled");
  RefreshFacts facts;
  facts.last_refresh = now_;
  if (Has(words, "dead")) facts.grant = GrantState::kDead;
  facts.held = Has(words, "held");
  facts.rotates = Has(words, "rotates");
  if (Has(words, "evidence")) facts.evidence = StandingEvidence::kUnread;
  if (const std::string age = ValueOf(words, "doubt"); !age.empty()) {
    facts.doubt_since = now_ - Parse(age);
  }
  const std::string generation = ValueOf(words, "generation");
  record.generation = generation.empty() ? 0 : Number(generation);
  if (const std::string age = ValueOf(words, "token"); !age.empty()) {
    facts.token = Token(settings->name, record.generation, now_ - Parse(age));
  }
  return book_.OnAdded(settings, record, std::move(facts), now_);
}

RefreshActions ScriptedBook::Land(const std::vector<std::string>& words) {
  const broker::FlightId flight = Number(words.at(1));
  const std::string& how = words.at(2);
  const std::string name = flights_.at(flight);
  flights_.erase(flight);
  const uint64_t next = generations_[flight] + 1;
  auto again = unsaved_.extract(flight);
  RefreshResult result{.rotates = true};
  if (Has(words, "evidence")) result.evidence = StandingEvidence::kUnusable;
  if (how == "granted" && !again.empty() && again.mapped().token == nullptr) {
    // What was stored at last was no token.
    const bool dead = std::holds_alternative<broker::Conclusion>(again.mapped().write);
    result.outcome = Failed(dead ? "dead" : "in_doubt");
  } else if (how == "granted") {
    auto token = again.empty() ? Token(name, next, now_) : again.mapped().token;
    result.outcome = broker::Refreshed{std::move(token)};
  } else if (how == "adopted") {
    result.outcome = broker::Adopted{.token = Token(name, next, now_), .generation = next};
  } else if (how == "elsewhere") {
    result.outcome = broker::HeldElsewhere{.lease_left = absl::Seconds(60)};
  } else if (how == "unsaved" && !again.empty()) {
    result.outcome = std::move(again.mapped());
  } else if (how == "unsaved") {
    result.outcome = Unpersisted{.write = broker::Rotation(), .token = Token(name, next, now_)};
  } else if (how == "unsaved_evidence") {
    result.evidence = StandingEvidence::kUnusable;
    result.outcome = Unpersisted{.write = broker::Evidence()};
  } else if (how == "unsaved_death") {
    result.outcome = Unpersisted{.write = broker::Conclusion()};
  } else if (how == "store") {
    result.outcome = broker::NotRecorded{Reason::kStoreUnavailable};
  } else if (how == "outdated") {
    result.outcome = broker::SettingsOutdated{};
  } else if (how == "gone") {
    result.outcome = broker::CredentialGone{};
  } else {
    if (how == "in_doubt") result.doubt_since = now_;
    result.outcome = Failed(how);
  }
  return book_.OnLanded(flight, std::move(result), now_, kWall);
}

broker::AccessTokenPtr ScriptedBook::Token(const std::string& name, uint64_t generation,
                                           MonotonicTime issued) const {
  auto token = std::make_shared<AccessToken>();
  token->credential = name;
  token->generation = generation;
  token->lifetime = kLifetime;
  token->least_age = absl::Seconds(10);
  token->issued = issued;
  token->expires = issued + kLifetime;
  return token;
}

std::string ScriptedBook::In(MonotonicTime when) const {
  return absl::StrCat("in ", absl::FormatDuration(when - now_));
}

std::string ScriptedBook::Words(const broker::RefreshAction& action) {
  if (const auto* its = std::get_if<broker::Serve>(&action)) return "serve " + its->name;
  if (const auto* its = std::get_if<broker::StopServing>(&action)) {
    return "stop serving " + its->name;
  }
  if (const auto* its = std::get_if<broker::Publish>(&action)) {
    return absl::StrCat("publish ", its->token->credential, " ", its->token->generation);
  }
  if (const auto* its = std::get_if<broker::Withdraw>(&action)) return "withdraw " + its->name;
  if (const auto* its = std::get_if<broker::SetDormant>(&action)) {
    return (its->dormant ? "dormant " : "awake ") + its->name;
  }
  if (const auto* its = std::get_if<broker::StartFlight>(&action)) {
    flights_[its->flight] = its->settings->name;
    generations_[its->flight] = its->order.generation;
    std::string words =
        absl::StrCat("fly ", its->flight, " ", its->settings->name, " ", its->order.generation);
    if (its->order.take_over) words += " take over";
    if (its->order.doubt_weighed) words += " doubt weighed";
    if (its->order.even_if_rejected) words += " even if rejected";
    if (its->order.send_before < MonotonicTime::Never()) {
      absl::StrAppend(&words, " send ", In(its->order.send_before));
    }
    return words;
  }
  if (const auto* its = std::get_if<broker::StartPersist>(&action)) {
    flights_[its->flight] = its->name;
    return absl::StrCat("persist ", its->flight, " ", its->name);
  }
  if (const auto* its = std::get_if<broker::ArmTimer>(&action)) {
    armed_ = its->when;
    return "timer " + In(its->when);
  }
  if (const auto* its = std::get_if<broker::ArmPatience>(&action)) {
    return absl::StrCat("patience ", its->flight, " ", In(its->when));
  }
  const auto& telling = std::get<broker::Telling>(action);
  if (const auto* its = std::get_if<broker::Tell>(&telling)) {
    return absl::StrCat("tell ", its->name, " ",
                        its->refusal.has_value() ? testing::Words(*its->refusal) : "look");
  }
  if (const auto* its = std::get_if<broker::TellRemoved>(&telling)) {
    return "tell " + its->name + " removed";
  }
  return "landed";
}

}  // namespace token_service::testing
