#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/broker/token_endpoint.h"
#include "server/http/http_transport.h"
#include "server/oauth/client_secret_choice.h"

namespace token_service::oauth {

// A TokenEndpoint as RFC 6749 has it, over HTTP. Threads: as the transport. Remembers which of
// several client secrets a provider took; nothing else.
//
// An answer with tokens is never thrown away. Any 2xx with all that RFC 6749 wants is used, also
// one whose connection broke after its last brace. What may hold a token and cannot be used comes
// back to be kept: of a 2xx whatever may be one, of any status what is named like a refresh token
// and is not the one sent (answer_survey.h); of what was cut, or is over-long, what there is.
class OAuthTokenEndpoint final : public broker::TokenEndpoint {
 public:
  // Both outlive it.
  OAuthTokenEndpoint(http::HttpTransport& transport, const Clock& clock);

  broker::ExchangeOutcome Exchange(const broker::CredentialSettings& settings,
                                   const Secret& refresh_token, MonotonicTime send_before) override;

 private:
  // What proves the client: a secret, an assertion of this moment, or nothing.
  absl::StatusOr<Secret> Proof(const broker::CredentialSettings& settings);
  std::string NewJwtId();

  http::HttpTransport& transport_;
  const Clock& clock_;
  ClientSecretChoice secrets_;
  absl::Mutex random_mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(random_mutex_);
};

}  // namespace token_service::oauth
