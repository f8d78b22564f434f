#pragma once

#include "absl/time/time.h"
#include "server/base/backoff.h"
#include "server/broker/breaker.h"

namespace token_service::broker {

// How refreshes are spread, spaced and given up.
struct RefreshOptions {
  int workers = 16;
  int per_endpoint = 8;
  BackoffPolicy backoff;
  Breaker::Options breaker;
  absl::Duration client_rejected_retry = absl::Minutes(10);
  // How long callers wait for a flight to a provider that did not answer the last one: it is more
  // likely to end in another time-out than in a token.
  absl::Duration patience = absl::Seconds(1);
  // An exchange that takes longer may be one that hangs: docs/adr/0013-outages.md.
  absl::Duration overdue = absl::Seconds(2);
  // How often to look whether another replica's attempt has landed.
  absl::Duration poll_other_holder = absl::Milliseconds(250);
};

}  // namespace token_service::broker
