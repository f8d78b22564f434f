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

// A TokenEndpoint as RFC 6749 and the provider's rules have it, over HTTP: see answer_judge.h.
// Threads: as the transport. Remembers which of several client secrets a provider took; nothing
// else.
class OAuthTokenEndpoint final : public broker::TokenEndpoint {
 public:
  // Both outlive it.
  OAuthTokenEndpoint(http::HttpTransport& transport, const Clock& clock);

  broker::ExchangeOutcome Exchange(const broker::CredentialSettings& settings,
                                   const broker::Presented& presented,
                                   MonotonicTime send_before) override;

 private:
  // What proves the client: a secret, an assertion of this moment, or nothing.
  absl::StatusOr<Secret> Proof(const broker::CredentialSettings& settings);
  // The assertion that is exchanged, if one is.
  absl::StatusOr<Secret> Assertion(const broker::CredentialSettings& settings,
                                   const broker::Presented& presented);
  std::string NewJwtId();

  http::HttpTransport& transport_;
  const Clock& clock_;
  ClientSecretChoice secrets_;
  absl::Mutex random_mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(random_mutex_);
};

}  // namespace token_service::oauth
