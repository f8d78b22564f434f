#include "server/oauth/answer_judge.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/oauth/outcome_text.h"

namespace token_service::oauth {
namespace {

using broker::ErrorMeaning;
using broker::Granted;
using broker::ProviderRules;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

broker::ExchangeOutcome Judge(ProviderRules rules, int status, std::string_view body) {
  broker::CredentialSettings settings;
  settings.provider = broker::ProviderRulesPtr(std::move(rules));
  const Secret sent(std::string_view("RT-made-up-1"));
  const Secret proof;
  http::HttpResponse response{status, std::nullopt, Secret(body)};
  return JudgeAnswer(settings, {.sent = sent, .proof = proof}, kNow, std::move(response)).outcome;
}

Granted Grant(ProviderRules rules, int status, std::string_view body) {
  broker::ExchangeOutcome outcome = Judge(std::move(rules), status, body);
  if (auto* granted = std::get_if<Granted>(&outcome)) return std::move(*granted);
  ADD_FAILURE() << "not granted: " << OutcomeText(outcome);
  return {};
}

// ---- without any rules

TEST(AnswerJudge, WhatComesOutRightByItself) {
  const struct {
    int status;
    const char* body;
    const char* outcome;
  } cases[] = {
      {201, R"({"access_token": "AT", "token_type": "Bearer", "refresh_token": "RT-made-up-2"})",
       "granted"},
      {400,
       R"({"error": "invalid_grant", "error_description": "token is already being processed"})",
       "unspent, busy"},
      {400, R"({"errors": [{"errorType": "invalid_grant", "message": "no"}], "success": false})",
       "dead"},
      {200, R"({"errors": [{"errorType": "invalid_grant"}], "success": false})", "dead"},
      {401, R"({"error": "login_required"})", "dead"},
      {400, R"({"error": "interaction_required", "suberror": "basic_action"})", "dead"},
      {403, R"({"error": "unauthorized_client", "error_description": "refresh_token is invalid"})",
       "dead"},
      {400, R"({"error": "unauthorized_client", "error_description": "not allowed for you"})",
       "refused"},
      {400, R"({"error": "oops", "error_description": "failed: invalid_grant, 17"})", "dead"},
      {400, R"({"message": "Rate limit reached, come back"})", "unspent, throttled"},
      {200, R"({"ok": false, "error": "ratelimited"})", "unspent, throttled"},
      {200, R"({"code": 17, "message": "Too many requests"})", "unspent, throttled"},
      {400, R"({"error": "use_dpop_nonce"})", "refused"},
      // Words beside a token do not make it none.
      {200,
       R"({"access_token": "AT", "refresh_token": "RT-made-up-2", "message": "rate limit: 5"})",
       "granted"},
      {200, R"({"data": {"refresh_token": "RT-made-up-2"}, "message": "too many requests"})",
       "malformed"},
      {503, R"({"error": "invalid_grant"})", "in doubt, unavailable"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(OutcomeText(Judge({}, c.status, c.body)), c.outcome) << c.body;
}

TEST(AnswerJudge, TellsCallersASchemeThatTheyCanUse) {
  const auto scheme = [](std::string_view type) {
    return Grant({}, 200,
                 "{\"access_token\": \"AT\", \"token_type\": \"" + std::string(type) + "\"}")
        .token_type;
  };
  EXPECT_EQ(scheme("bot"), "Bearer");
  EXPECT_EQ(scheme("a sentence about it"), "Bearer");
  EXPECT_EQ(scheme("DPoP"), "DPoP");
  EXPECT_EQ(scheme("N_A"), "N_A");
}

TEST(AnswerJudge, ReadsWhenTokensEnd) {
  EXPECT_EQ(
      Grant({}, 200, R"({"access_token": "AT", "expires_at": "2023-11-14T23:13:20Z"})").expires_in,
      absl::Hours(1));
  EXPECT_EQ(
      Grant({}, 200, R"({"access_token": "AT", "expires_in": 3600000, "expires_in_sec": 3600})")
          .expires_in,
      absl::Hours(1));
  for (const char* name :
       {"refresh_token_expires_in", "x_refresh_token_expires_in", "refresh_expires_in"}) {
    EXPECT_EQ(Grant({}, 200, "{\"access_token\": \"AT\", \"" + std::string(name) + "\": 86400}")
                  .refresh_token_lifetime,
              absl::Hours(24))
        << name;
  }
}

// ---- with rules

TEST(AnswerJudge, FindsTokensWhereTheRulesHaveThem) {
  ProviderRules rules;
  rules.response.access_token = "authed_user.access_token";
  rules.response.refresh_token = "authed_user.refresh_token";
  rules.response.expires_in = "authed_user.expires_in";
  rules.response.scheme = "Bearer";
  rules.response.expose = {"authed_user.id", "team.0.url", "absent", "authed_user.#2"};
  const Granted granted =
      Grant(std::move(rules), 200,
            R"({"ok": true, "team": [{"url": "https://t.test"}], "authed_user": {"id": 7,)"
            R"( "access_token": "AT", "refresh_token": "RT-made-up-2", "expires_in": 43200,)"
            R"( "token_type": "user"}})");
  EXPECT_EQ(granted.access_token.Reveal(), "AT");
  EXPECT_EQ(granted.refresh_token->Reveal(), "RT-made-up-2");
  EXPECT_EQ(granted.expires_in, absl::Hours(12));
  EXPECT_EQ(granted.token_type, "Bearer");
  EXPECT_EQ(granted.properties,
            (broker::TokenProperties{{"authed_user.id", "7"}, {"team.0.url", "https://t.test"}}));
}

TEST(AnswerJudge, AnErrorMeansWhatTheFirstFittingRuleSays) {
  const auto judge = [](int status, std::string_view body) {
    ProviderRules rules;
    rules.response.access_token = "body.access_token";
    rules.errors = {
        {.status = 200,
         .path = "status",
         .equals = "503",
         .text = "INVALID refresh_token",
         .means = ErrorMeaning::kDead},
        {.status = {},
         .path = "error",
         .equals = "access_denied",
         .text = "not expired",
         .means = ErrorMeaning::kTooEarly},
        {.status = {},
         .path = "code",
         .equals = "still_good",
         .text = "",
         .means = ErrorMeaning::kExtended},
        {.status = 409, .path = "", .equals = "", .text = "", .means = ErrorMeaning::kBusy},
        {.status = 500, .path = "", .equals = "", .text = "", .means = ErrorMeaning::kUnavailable},
    };
    return OutcomeText(Judge(std::move(rules), status, body));
  };
  EXPECT_EQ(judge(200, R"({"status": 503, "body": {}, "error": "Invalid refresh_token"})"), "dead");
  EXPECT_EQ(judge(400, R"({"error": "ACCESS_DENIED", "error_description": "token not expired"})"),
            "unspent, busy");
  EXPECT_EQ(judge(400, R"({"error": "access_denied"})"), "refused") << "the text is missing";
  EXPECT_EQ(judge(200, R"({"code": "still_good"})"), "extended");
  EXPECT_EQ(judge(409, "busy"), "unspent, busy");
  EXPECT_EQ(judge(500, ""), "unspent, unavailable");
  EXPECT_EQ(judge(502, ""), "in doubt, unavailable");
  // A rule does not throw a token away.
  EXPECT_EQ(judge(409, R"({"refresh_token": "RT-made-up-2"})"), "in doubt, busy, kept");
  EXPECT_EQ(judge(200, R"({"code": "still_good", "refresh_token": "RT-made-up-2"})"),
            "in doubt, malformed, kept");
}

TEST(AnswerJudge, ARefreshTokenUnderAnyNameOfTheRulesIsKept) {
  ProviderRules rules;
  rules.response.refresh_token = "x.y";
  EXPECT_EQ(OutcomeText(Judge(std::move(rules), 500, R"({"x": {"y": "made-up-token-2"}})")),
            "in doubt, unavailable, kept");
}

TEST(AnswerJudge, TellsWhatTheProviderSaid) {
  const auto outcome =
      Judge({}, 400, R"({"error": "invalid_grant", "error_description": "RT-made-up-1 no"})");
  const auto& said = std::get<broker::GrantDead>(outcome).said;
  EXPECT_EQ(said.http_status, 400);
  EXPECT_EQ(said.code, "invalid_grant");
  EXPECT_EQ(said.description, "*** no");
}

}  // namespace
}  // namespace token_service::oauth
