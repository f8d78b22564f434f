#include "server/oauth/oauth_token_endpoint.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/oauth/answer_judge.h"
#include "server/oauth/client_assertion.h"
#include "server/oauth/token_request.h"

namespace token_service::oauth {

using broker::ClientRefused;
using broker::ExchangeOutcome;
using broker::GrantDead;
using broker::Granted;

OAuthTokenEndpoint::OAuthTokenEndpoint(http::HttpTransport& transport, const Clock& clock)
    : transport_(transport), clock_(clock) {}

ExchangeOutcome OAuthTokenEndpoint::Exchange(const broker::CredentialSettings& settings,
                                             const broker::Presented& presented,
                                             MonotonicTime send_before) {
  const absl::StatusOr<Secret> proof = Proof(settings);
  if (!proof.ok()) return ClientRefused{"not sent: no client key that can sign"};
  const absl::StatusOr<Secret> assertion = Assertion(settings, presented);
  if (!assertion.ok()) return ClientRefused{"not sent: no client key that can sign"};
  const Secret& refresh_token = RefreshTokenOf(presented);
  http::HttpRequest request =
      MakeTokenRequest(settings, GrantFields(presented, *assertion), *proof);
  request.send_before = send_before;
  http::HttpOutcome answer = transport_.Post(request);
  Judgement judged = JudgeAnswer(settings, {.sent = refresh_token, .proof = *proof},
                                 clock_.WallNow(), std::move(answer));
  ExchangeOutcome outcome = std::move(judged.outcome);
  auto* const refused = std::get_if<ClientRefused>(&outcome);
  if (refused != nullptr && judged.refuses_authentication) {
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

absl::StatusOr<Secret> OAuthTokenEndpoint::Assertion(const broker::CredentialSettings& settings,
                                                     const broker::Presented& presented) {
  const auto* const asserted = std::get_if<broker::PresentAssertion>(&presented);
  if (asserted == nullptr) return Secret();
  return MakeGrantAssertion(settings, asserted->grant, NewJwtId(), clock_.WallNow());
}

std::string OAuthTokenEndpoint::NewJwtId() {
  absl::MutexLock lock(&random_mutex_);
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16),
                      absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16));
}

}  // namespace token_service::oauth
