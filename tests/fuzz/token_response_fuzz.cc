// The body of a token endpoint's answer: whatever it is, a token that comes of it can be used, and
// what is told of it is harmless.
#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "server/oauth/answer_judge.h"
#include "server/oauth/answer_path.h"
#include "server/oauth/answer_survey.h"
#include "server/oauth/error_table.h"
#include "server/oauth/jwt.h"
#include "server/oauth/token_response.h"
#include "tests/fuzz/require.h"

namespace token_service::oauth {
namespace {

bool IsGoodToken(const Secret& token) {
  const std::string_view text = token.Reveal();
  return !text.empty() && text.size() <= 16 * 1024 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

void CheckGranted(const broker::Granted& granted) {
  REQUIRE(IsGoodToken(granted.access_token));
  REQUIRE(!granted.refresh_token.has_value() || IsGoodToken(*granted.refresh_token));
  REQUIRE(!granted.token_type.empty() && IsPrintable(granted.token_type));
  REQUIRE(!granted.scope.has_value() || (!granted.scope->empty() && IsPrintable(*granted.scope)));
  REQUIRE(!granted.expires_in.has_value() || (*granted.expires_in > absl::ZeroDuration() &&
                                              *granted.expires_in <= absl::Hours(24 * 36500)));
}

void CheckError(const ErrorCode& error, size_t body_size) {
  REQUIRE(!error.code.empty() && error.code.size() <= 128 && IsPrintable(error.code));
  for (const int status : {200, 400, 401, 403, 429, 500}) {
    const ErrorAnswer answer{status, error.code, std::nullopt, body_size};
    const broker::ExchangeOutcome outcome = ClassifyError(answer, {});
    REQUIRE(!std::holds_alternative<broker::Granted>(outcome));
    REQUIRE(!std::holds_alternative<broker::Malformed>(outcome));
    // Only who was definitely refused may try another secret.
    REQUIRE(!RefusesAuthentication(answer) ||
            std::holds_alternative<broker::ClientRefused>(outcome));
  }
}

broker::ProviderRules SomeRules() {
  broker::ProviderRules rules;
  rules.response.access_token = "data.access_token";
  rules.response.refresh_token = "data.refresh_token";
  rules.response.expose = {"data.url", "0"};
  rules.errors = {{.status = 400, .path = "error", .equals = "busy", .text = "", .means = {}},
                  {.status = {}, .path = "", .equals = "", .text = "rate", .means = {}},
                  {.status = 503, .path = "a.0", .equals = "1", .text = "b", .means = {}}};
  rules.errors[0].means = broker::ErrorMeaning::kBusy;
  rules.errors[1].means = broker::ErrorMeaning::kExtended;
  return rules;
}

const broker::KeptAnswer* KeptOf(const broker::ExchangeOutcome& outcome) {
  if (const auto* granted = std::get_if<broker::Granted>(&outcome)) return &granted->evidence;
  if (const auto* dead = std::get_if<broker::GrantDead>(&outcome)) return &dead->evidence;
  if (const auto* doubt = std::get_if<broker::InDoubt>(&outcome)) return &doubt->evidence;
  if (const auto* malformed = std::get_if<broker::Malformed>(&outcome)) return &malformed->answer;
  return nullptr;
}

// By whatever rules: what names another refresh token is taken over or kept.
void CheckJudgement(int status, std::string_view body, const Secret& sent) {
  static const auto& ruled = *new broker::ProviderRulesPtr(SomeRules());
  const Secret proof;
  for (const bool by_rules : {false, true}) {
    broker::CredentialSettings settings;
    if (by_rules) settings.provider = ruled;
    http::HttpResponse response{status, std::nullopt, Secret(body)};
    const broker::ExchangeOutcome outcome =
        JudgeAnswer(settings, {.sent = sent, .proof = proof}, absl::FromUnixSeconds(1'700'000'000),
                    std::move(response))
            .outcome;
    if (SurveyAnswer(body, sent) != MayHold::kRefreshToken) continue;
    const auto* granted = std::get_if<broker::Granted>(&outcome);
    const bool taken = granted != nullptr && granted->refresh_token.has_value() &&
                       !(*granted->refresh_token == sent);
    const broker::KeptAnswer* const kept = KeptOf(outcome);
    REQUIRE(taken || (kept != nullptr && !kept->empty() && kept->stands));
  }
}

}  // namespace
}  // namespace token_service::oauth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace token_service;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const oauth::TokenResponse response = oauth::ParseTokenResponse({}, Secret(body), now);
  if (const auto* granted = std::get_if<broker::Granted>(&response)) oauth::CheckGranted(*granted);
  if (const auto* error = std::get_if<oauth::ErrorCode>(&response)) oauth::CheckError(*error, size);
  (void)oauth::JwtExpiry(body);

  const Secret sent(std::string_view("sent"));
  const oauth::MayHold holds = oauth::SurveyAnswer(body, sent);
  if (const auto candidate = oauth::CandidateIn(body, sent)) {
    REQUIRE(oauth::IsGoodToken(*candidate) && !(*candidate == sent));
    REQUIRE(oauth::StringAt(body, "refresh_token").has_value());
    // What may be tried by itself is seen by whoever only looks whether there is something.
    REQUIRE(holds == oauth::MayHold::kRefreshToken);
  }
  for (const int status : {200, 400, 503}) oauth::CheckJudgement(status, body, sent);
  oauth::WalkAnswer(body, [](const oauth::WalkedValue& value) {
    REQUIRE(value.path.size() <= oauth::JsonScanner::kMaxDepth);
    REQUIRE(oauth::IsPrintable(oauth::PathText(value.path)));
  });
  return 0;
}
