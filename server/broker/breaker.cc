#include "server/broker/breaker.h"

#include <algorithm>

namespace token_service::broker {

bool Breaker::Allow(MonotonicTime now) {
  if (!IsOpen()) return true;
  if (probing_ || now < probe_at_) return false;
  probing_ = true;
  return true;
}

void Breaker::OnSignOfLife() {
  outages_ = 0;
  probing_ = false;
}

void Breaker::OnOutage(bool probe, MonotonicTime now, absl::BitGenRef random) {
  // Exchanges that were under way when it opened report late; only a probe's outage counts on from
  // there.
  if (IsOpen() && !probe) return;
  if (probe) probing_ = false;
  outages_ = std::min(outages_ + 1, options_.threshold + 64);
  if (IsOpen()) {
    probe_at_ = now + BackoffDelay(options_.backoff, outages_ - options_.threshold + 1, random);
  }
}

}  // namespace token_service::broker
