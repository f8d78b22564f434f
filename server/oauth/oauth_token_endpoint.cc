#include "server/oauth/oauth_token_endpoint.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/oauth/answer_survey.h"
#include "server/oauth/client_assertion.h"
#include "server/oauth/error_table.h"
#include "server/oauth/token_request.h"
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
  InDoubt in_doubt{.reason = Reason::kProviderMalformed};
  if (auto* doubt = std::get_if<InDoubt>(&outcome)) {
    in_doubt = std::move(*doubt);
  } else if (auto* unspent = std::get_if<Unspent>(&outcome)) {
    in_doubt = {unspent->reason, std::move(unspent->detail), unspent->retry_after};
  } else if (auto* refused = std::get_if<ClientRefused>(&outcome)) {
    in_doubt = {Reason::kClientRejected, std::move(refused->detail), std::nullopt};
  }
  in_doubt.evidence = std::move(answer);
  return in_doubt;
}

// One answer, with what it takes to judge it.
class Judge {
 public:
  // `sent`: the refresh token. `refuses_client` is set when the answer is about how the client
  // proved itself.
  Judge(const broker::CredentialSettings& settings, const Secret& sent, absl::Time now,
        bool& refuses_client)
      : settings_(settings), sent_(sent), now_(now), refuses_client_(refuses_client) {}

  ExchangeOutcome operator()(http::NotSent& not_sent) const {
    if (not_sent.cause == http::NotSent::Cause::kTooLate) return TooLate{};
    return Unspent{Reason::kProviderUnavailable, CauseText(not_sent.cause), std::nullopt};
  }

  ExchangeOutcome operator()(http::TooLarge& too_large) const {
    const int status = too_large.status;
    return Unreadable(status, Extent::kOverLong, std::move(too_large.beginning),
                      absl::StrFormat("HTTP %d, answer too large", status), DoubtAfter(status));
  }

  ExchangeOutcome operator()(http::Lost& lost) const {
    const bool whole =
        !std::holds_alternative<Unusable>(ParseTokenResponse(lost.partial_body, now_));
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

  ExchangeOutcome operator()(http::HttpResponse& response) const {
    TokenResponse parsed = ParseTokenResponse(response.body, now_);
    const bool success = IsSuccess(response.status);
    auto* const granted = std::get_if<Granted>(&parsed);
    // One that hands out what was sent may hand out another elsewhere, or twice.
    if (success && granted != nullptr && granted->refresh_token.has_value() &&
        !(*granted->refresh_token == sent_)) {
      return std::move(*granted);
    }
    const MayHold holds = SurveyAnswer(response.body.Reveal(), sent_);
    const bool brings_another = holds == MayHold::kRefreshToken;
    KeptAnswer kept{.http_status = response.status, .stands = true};
    if (success && granted != nullptr) {
      if (brings_another) {
        kept.body = std::move(response.body);
        granted->evidence = std::move(kept);
      }
      return std::move(*granted);
    }
    ErrorAnswer answer{response.status, std::nullopt, response.retry_after, response.body.size()};
    if (auto* error = std::get_if<ErrorCode>(&parsed)) answer.code = std::move(error->code);
    if (!success || answer.code.has_value()) {
      refuses_client_ = RefusesAuthentication(answer);
      ExchangeOutcome outcome = ClassifyError(answer, settings_.dead_grant_errors);
      if (!brings_another) return outcome;
      kept.body = std::move(response.body);
      return WithEvidence(std::move(outcome), std::move(kept));
    }
    const auto* unusable = std::get_if<Unusable>(&parsed);
    std::string detail =
        absl::StrFormat("HTTP %d, %d bytes, %s", response.status, response.body.size(),
                        unusable != nullptr ? unusable->why : "no token");
    return Unreadable(response.status, Extent::kWhole, std::move(response.body), std::move(detail),
                      Reason::kProviderMalformed);
  }

 private:
  static bool IsSuccess(int status) { return status / 100 == 2; }

  // An answer that says neither yes nor no.
  ExchangeOutcome Unreadable(int status, Extent extent, Secret body, std::string detail,
                             Reason reason) const {
    const MayHold holds = SurveyAnswer(body.Reveal(), sent_);
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
  const Secret& sent_;
  const absl::Time now_;
  bool& refuses_client_;
};

}  // namespace

OAuthTokenEndpoint::OAuthTokenEndpoint(http::HttpTransport& transport, const Clock& clock)
    : transport_(transport), clock_(clock) {}

ExchangeOutcome OAuthTokenEndpoint::Exchange(const broker::CredentialSettings& settings,
                                             const Secret& refresh_token,
                                             MonotonicTime send_before) {
  const absl::StatusOr<Secret> proof = Proof(settings);
  if (!proof.ok()) return ClientRefused{"not sent: no client key that can sign"};
  http::HttpRequest request = MakeTokenRequest(settings, refresh_token, *proof);
  request.send_before = send_before;
  http::HttpOutcome answer = transport_.Post(request);
  bool refuses_client = false;
  ExchangeOutcome outcome =
      std::visit(Judge(settings, refresh_token, clock_.WallNow(), refuses_client), answer);
  if (auto* refused = std::get_if<ClientRefused>(&outcome); refused != nullptr && refuses_client) {
    refused->another_secret = secrets_.Refused(settings);
  } else if (std::holds_alternative<Granted>(outcome) ||
             std::holds_alternative<GrantDead>(outcome)) {
    // Nobody looks at a grant before the client has proved itself (RFC 6749 section 6).
    secrets_.Taken(settings);
  }
  return outcome;
}

absl::StatusOr<Secret> OAuthTokenEndpoint::Proof(const broker::CredentialSettings& settings) {
  if (settings.client_auth == broker::ClientAuth::kPrivateKeyJwt) {
    return MakeClientAssertion(settings, NewJwtId(), clock_.WallNow());
  }
  return secrets_.Current(settings);
}

std::string OAuthTokenEndpoint::NewJwtId() {
  absl::MutexLock lock(&random_mutex_);
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16),
                      absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16));
}

}  // namespace token_service::oauth
