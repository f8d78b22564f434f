#pragma once

#include "absl/time/time.h"
#include "server/base/secret.h"
#include "server/broker/credential.h"
#include "server/broker/token_endpoint.h"
#include "server/http/http_transport.h"

namespace token_service::oauth {

// What was sent, and must not be shown.
struct SentSecrets {
  const Secret& sent;   // The refresh token.
  const Secret& proof;  // The client's secret or assertion; perhaps empty.
};

struct Judgement {
  broker::ExchangeOutcome outcome;
  // It is about how the client proved itself.
  bool refuses_authentication = false;
};

// What became of a refresh token, by the answer to its exchange and the rules of its provider
// (settings.provider), of which RFC 6749's are the first. Pure.
//
// An answer with tokens is never thrown away. Any 2xx with all that the rules want is used, also
// one whose connection broke after its last brace. What may hold a token and cannot be used comes
// back to be kept: of a 2xx whatever may be one, of any status what is named like a refresh token
// and is not the one sent (answer_survey.h); of what was cut, or is over-long, what there is.
Judgement JudgeAnswer(const broker::CredentialSettings& settings, const SentSecrets& presented,
                      absl::Time now, http::HttpOutcome answer);

}  // namespace token_service::oauth
