#pragma once

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"

namespace token_service::client {

// Exponential: initial × factor^n, at most `max`, each drawn within ± jitter of itself.
struct BackoffPolicy {
  absl::Duration initial = absl::Seconds(1);
  double factor = 1.6;
  double jitter = 0.5;  // Wide: a fleet whose server restarts must not come back all at once.
  absl::Duration max = absl::Seconds(30);
};

// The delay before the attempt that follows `failures` failures (1 or more).
absl::Duration BackoffDelay(const BackoffPolicy& policy, int failures, absl::BitGenRef random);

}  // namespace token_service::client
