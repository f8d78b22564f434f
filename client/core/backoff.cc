#include "client/core/backoff.h"

#include <algorithm>
#include <cmath>

#include "absl/random/random.h"

namespace token_service::client {

absl::Duration BackoffDelay(const BackoffPolicy& policy, int failures, absl::BitGenRef random) {
  // The exponent is bounded before it is used: pow() of a large count is infinity.
  const double steps = std::clamp(failures - 1, 0, 64);
  const absl::Duration exact =
      std::min(policy.initial * std::pow(policy.factor, steps), policy.max);
  return exact * absl::Uniform(random, 1.0 - policy.jitter, 1.0 + policy.jitter);
}

}  // namespace token_service::client
