#include "server/oauth/answer_judge.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "server/oauth/answer_survey.h"
#include "server/oauth/error_table.h"
#include "server/oauth/error_words.h"
#include "server/oauth/shown_words.h"
#include "server/oauth/token_response.h"

namespace token_service::oauth {
namespace {

using broker::ClientRefused;
using broker::ExchangeOutcome;
using broker::Extent;
using broker::GrantDead;
using broker::Granted;
using broker::InDoubt;
using broker::KeptAnswer;
using broker::Malformed;
using broker::Reason;
using broker::TooLate;
using broker::Unspent;

const char* CauseText(http::NotSent::Cause cause) {
  switch (cause) {
    case http::NotSent::Cause::kResolve:
      return "host name not resolved";
    case http::NotSent::Cause::kConnect:
      return "no connection";
    case http::NotSent::Cause::kProxy:
      return "proxy refused";
    case http::NotSent::Cause::kTls:
      return "TLS handshake failed";
    case http::NotSent::Cause::kCertificate:
      return "server certificate not trusted";
    case http::NotSent::Cause::kExpired:
      return "server certificate expired";
    case http::NotSent::Cause::kNotYetValid:
      return "server certificate not valid yet";
    case http::NotSent::Cause::kHostName:
      return "server certificate: host name does not match";
    case http::NotSent::Cause::kUnknownIssuer:
      return "server certificate: unknown issuer, neither the system's CA bundle nor ca_file has "
             "it";
    case http::NotSent::Cause::kNoRoots:
      return "no CA bundle: install ca-certificates, or name a readable ca_file";
    case http::NotSent::Cause::kTimeout:
      return "timed out before the request was sent";
    case http::NotSent::Cause::kTooLate:
    case http::NotSent::Cause::kOther:
      break;
  }
  return "request not sent";
}

const char* CauseText(http::Lost::Cause cause) {
  switch (cause) {
    case http::Lost::Cause::kTimeout:
      return "timed out";
    case http::Lost::Cause::kReset:
      return "connection reset";
    case http::Lost::Cause::kEmpty:
      return "empty answer";
    case http::Lost::Cause::kTruncated:
      return "answer cut short";
    case http::Lost::Cause::kOther:
      break;
  }
  return "answer lost";
}

// An error that came with another refresh token than was sent: it counts, but what was sent may be
// spent, and what came is kept (docs/adr/0018-an-error-beside-tokens.md).
ExchangeOutcome WithEvidence(ExchangeOutcome outcome, KeptAnswer answer) {
  if (auto* dead = std::get_if<GrantDead>(&outcome)) {
    dead->evidence = std::move(answer);
    return outcome;
  }
  InDoubt in_doubt{.reason = Reason::kProviderMalformed, .detail = "a token beside an error"};
  if (auto* doubt = std::get_if<InDoubt>(&outcome)) {
    in_doubt = std::move(*doubt);
  } else if (auto* unspent = std::get_if<Unspent>(&outcome)) {
    in_doubt = {unspent->reason, std::move(unspent->detail), unspent->retry_after};
    in_doubt.said = std::move(unspent->said);
  } else if (auto* refused = std::get_if<ClientRefused>(&outcome)) {
    in_doubt = {Reason::kClientRejected, std::move(refused->detail), std::nullopt};
    in_doubt.said = std::move(refused->said);
  }
  in_doubt.evidence = std::move(answer);
  return in_doubt;
}

void SetSaid(ExchangeOutcome& outcome, broker::ProviderError said) {
  if (auto* dead = std::get_if<GrantDead>(&outcome)) dead->said = std::move(said);
  if (auto* unspent = std::get_if<Unspent>(&outcome)) unspent->said = std::move(said);
  if (auto* refused = std::get_if<ClientRefused>(&outcome)) refused->said = std::move(said);
  if (auto* doubt = std::get_if<InDoubt>(&outcome)) doubt->said = std::move(said);
}

// One answer, with what it takes to judge it.
class Judge {
 public:
  Judge(const broker::CredentialSettings& settings, const SentSecrets& presented, absl::Time now)
      : settings_(settings), rules_(*settings.provider), presented_(presented), now_(now) {}

  bool refuses_authentication() const { return refuses_authentication_; }

  ExchangeOutcome operator()(http::NotSent& not_sent) {
    if (not_sent.cause == http::NotSent::Cause::kTooLate) return TooLate{};
    return Unspent{Reason::kProviderUnavailable, CauseText(not_sent.cause), std::nullopt};
  }

  ExchangeOutcome operator()(http::TooLarge& too_large) {
    const int status = too_large.status;
    return Unreadable(status, Extent::kOverLong, std::move(too_large.beginning),
                      absl::StrFormat("HTTP %d, answer too large", status), DoubtAfter(status));
  }

  ExchangeOutcome operator()(http::Lost& lost) {
    const bool whole = !std::holds_alternative<Unusable>(Parse(lost.partial_body)) ||
                       Ruled(lost.status, lost.partial_body).has_value();
    if (whole) {
      // The object's last brace has come: many a server closes without taking leave of TLS.
      http::HttpResponse response{lost.status, std::nullopt, std::move(lost.partial_body)};
      return (*this)(response);
    }
    std::string detail = CauseText(lost.cause);
    if (lost.status != 0) detail = absl::StrFormat("HTTP %d, %s", lost.status, detail);
    return Unreadable(lost.status, Extent::kCut, std::move(lost.partial_body), std::move(detail),
                      Reason::kProviderUnavailable);
  }

  ExchangeOutcome operator()(http::HttpResponse& response) {
    const std::optional<broker::ErrorMeaning> ruled = Ruled(response.status, response.body);
    TokenResponse parsed = Parse(response.body);
    const bool success = IsSuccess(response.status);
    auto* const granted = ruled.has_value() || !success ? nullptr : std::get_if<Granted>(&parsed);
    // One that hands out what was sent may hand out another elsewhere, or twice.
    if (granted != nullptr && granted->refresh_token.has_value() &&
        !(*granted->refresh_token == presented_.sent)) {
      return std::move(*granted);
    }
    const MayHold holds = Holds(response.body);
    const bool brings_another = holds == MayHold::kRefreshToken;
    KeptAnswer kept{.http_status = response.status, .stands = true};
    if (granted != nullptr) {
      if (brings_another) {
        kept.body = std::move(response.body);
        granted->evidence = std::move(kept);
      }
      return std::move(*granted);
    }
    std::optional<ErrorAnswer> error = ErrorOf(response, parsed, ruled, holds);
    if (error.has_value()) {
      refuses_authentication_ = RefusesAuthentication(*error);
      ExchangeOutcome outcome = ClassifyError(*error, settings_.dead_grant_errors);
      SetSaid(outcome, Said(response, parsed));
      if (!brings_another) return outcome;
      kept.body = std::move(response.body);
      return WithEvidence(std::move(outcome), std::move(kept));
    }
    const auto* unusable = std::get_if<Unusable>(&parsed);
    std::string detail =
        absl::StrFormat("HTTP %d, %d bytes, %s", response.status, response.body.size(),
                        unusable != nullptr ? unusable->why : "no token");
    broker::ProviderError said = Said(response, parsed);
    ExchangeOutcome outcome = Unreadable(response.status, Extent::kWhole, std::move(response.body),
                                         std::move(detail), Reason::kProviderMalformed);
    SetSaid(outcome, std::move(said));
    return outcome;
  }

 private:
  static bool IsSuccess(int status) { return status / 100 == 2; }

  TokenResponse Parse(const Secret& body) const {
    return ParseTokenResponse(rules_.response, body, now_);
  }
  std::optional<broker::ErrorMeaning> Ruled(int status, const Secret& body) const {
    return FirstFitting(rules_.errors, status, body.Reveal());
  }

  // Also what stands where the rules have the refresh token, whatever its name.
  MayHold Holds(const Secret& body) const {
    const std::string& path = rules_.response.refresh_token;
    const bool candidate = CandidateIn(body.Reveal(), presented_.sent, path).has_value();
    return candidate ? MayHold::kRefreshToken : SurveyAnswer(body.Reveal(), presented_.sent);
  }

  static std::optional<std::string> OwnCode(const TokenResponse& parsed) {
    const auto* error = std::get_if<ErrorCode>(&parsed);
    return error == nullptr ? std::nullopt : std::optional<std::string>(error->code);
  }

  // Nullopt: a success that is no error, or none that anybody knows.
  std::optional<ErrorAnswer> ErrorOf(const http::HttpResponse& response,
                                     const TokenResponse& parsed,
                                     std::optional<broker::ErrorMeaning> ruled, MayHold holds) {
    const bool success = IsSuccess(response.status);
    const std::optional<std::string> own = OwnCode(parsed);
    // The words of an answer that may hold a token are not what decides.
    const bool tokens = success && !own.has_value() && holds != MayHold::kNothing;
    const ErrorWords words = tokens ? ErrorWords() : ReadErrorWords(response.body.Reveal(), own);
    ErrorAnswer answer{response.status, own, response.retry_after, response.body.size()};
    if (words.known_code.has_value()) answer.code = words.known_code;
    answer.ruled = ruled;
    answer.busy = words.busy;
    answer.throttled = words.throttled;
    answer.refresh_token_dead = words.refresh_token_dead;
    if (own.has_value() && MayBeLogged(*own)) {
      shown_code_ = *own;
      answer.shown_code = shown_code_;
    }
    if (ruled == broker::ErrorMeaning::kExtended) {
      answer.lifetime = ToldLifetime(rules_.response, response.body, now_);
    }
    if (!success || answer.code.has_value() || ruled.has_value()) return answer;
    // "Too many requests", under 200.
    if (!words.throttled) return std::nullopt;
    answer.ruled = broker::ErrorMeaning::kThrottled;
    return answer;
  }

  // [A-Za-z0-9_.-]{1,64}, and no part of a secret.
  bool MayBeLogged(std::string_view code) const {
    const bool plain = code.size() <= 64 && std::all_of(code.begin(), code.end(), [](char c) {
                         return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' ||
                                c == '.' || c == '-';
                       });
    return plain && IsHarmless(code, Secrets());
  }

  std::array<const Secret*, 2> Secrets() const { return {&presented_.sent, &presented_.proof}; }

  broker::ProviderError Said(const http::HttpResponse& response,
                             const TokenResponse& parsed) const {
    return ShownError(response.status, response.body.Reveal(), OwnCode(parsed), Secrets());
  }

  // An answer that says neither yes nor no.
  ExchangeOutcome Unreadable(int status, Extent extent, Secret body, std::string detail,
                             Reason reason) const {
    const MayHold holds = Holds(body);
    const bool brings_another = holds == MayHold::kRefreshToken;
    const bool success = IsSuccess(status);
    if (!brings_another && !(success && holds == MayHold::kToken)) {
      return InDoubt{
          reason, std::move(detail), std::nullopt, {}, success && extent != Extent::kCut};
    }
    // Where no other refresh token is to be seen before a cut, there is none to be had from it:
    // then it is an answer that was lost.
    KeptAnswer kept{std::move(body), status, extent, brings_another || extent != Extent::kCut};
    if (success) return Malformed{std::move(kept), std::move(detail)};
    return InDoubt{reason, std::move(detail), std::nullopt, std::move(kept)};
  }

  static Reason DoubtAfter(int status) {
    return status / 100 == 5 ? Reason::kProviderUnavailable : Reason::kProviderMalformed;
  }

  const broker::CredentialSettings& settings_;
  const broker::ProviderRules& rules_;
  const SentSecrets& presented_;
  const absl::Time now_;
  bool refuses_authentication_ = false;
  std::string shown_code_;
};

}  // namespace

Judgement JudgeAnswer(const broker::CredentialSettings& settings, const SentSecrets& presented,
                      absl::Time now, http::HttpOutcome answer) {
  Judge judge(settings, presented, now);
  ExchangeOutcome outcome = std::visit(judge, answer);
  return {.outcome = std::move(outcome), .refuses_authentication = judge.refuses_authentication()};
}

}  // namespace token_service::oauth
