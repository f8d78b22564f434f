#pragma once

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"

namespace token_service {

// Exponential backoff: initial × factor^n, at most `max`, each drawn within ± jitter of itself.
struct BackoffPolicy {
  absl::Duration initial = absl::Seconds(1);
  double factor = 1.6;
  double jitter = 0.2;
  absl::Duration max = absl::Seconds(120);
};

// The delay before the attempt that follows `failures` failures (1 or more). Never more than `max`.
absl::Duration BackoffDelay(const BackoffPolicy& policy, int failures, absl::BitGenRef random);

}  // namespace token_service
