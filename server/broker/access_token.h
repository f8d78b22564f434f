#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/secret.h"
#include "server/broker/prepared_answer.h"
#include "server/broker/token_properties.h"
#include "server/telemetry/credential_calls.h"

namespace token_service::broker {

// What is configured of when a token is replaced: see CredentialSettings.
struct TokenTiming {
  absl::Duration min_refresh_interval;
  absl::Duration refresh_before = absl::ZeroDuration();
};

// A token as it is handed out: an immutable snapshot, shared by all who read it.
struct AccessToken {
  std::string credential;
  Secret value;
  std::string token_type;  // `Bearer` for any spelling of bearer.
  std::string scope;
  TokenProperties properties;  // What callers are given beside it.
  uint64_t generation = 0;     // Names it among the credential's tokens; a later one's is greater.
  absl::Time expire_time;      // Wall clock.
  absl::Duration lifetime;     // From when its request was sent.
  // A younger one is not replaced on demand: min_refresh_interval, at most a tenth of the lifetime.
  absl::Duration least_age;
  // How long before its end it is replaced. Zero: when most of its life is over.
  absl::Duration refresh_before;
  // On this process's monotonic clock:
  MonotonicTime issued;
  MonotonicTime expires;

  PreparedAnswerSlot prepared;
  // What callers got of the credential: of the cache that published it, and valid as long as that.
  telemetry::CredentialCallsLink calls;
};

using AccessTokenPtr = std::shared_ptr<const AccessToken>;

}  // namespace token_service::broker
