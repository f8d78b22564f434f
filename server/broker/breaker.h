#pragma once

#include "absl/random/bit_gen_ref.h"
#include "server/base/backoff.h"
#include "server/base/clock.h"

namespace token_service::broker {

// A circuit breaker for one token endpoint. Opens when outages follow each other without a sign of
// life, then lets single probes through, further and further apart. A definite answer of any kind,
// a dead grant too, is a sign of life and closes it. Not synchronised.
class Breaker {
 public:
  struct Options {
    int threshold = 5;  // Outages in a row.
    BackoffPolicy backoff = {.max = absl::Seconds(30)};
  };

  explicit Breaker(Options options) : options_(options) {}

  // True: no exchange but a probe may start.
  bool IsOpen() const { return outages_ >= options_.threshold; }

  // May an exchange start now? When open, a true answer is the leave for one probe: probing() is
  // true from then on until it reports.
  bool Allow(MonotonicTime now);

  // How an exchange ended. `probe`: it was the one that had leave while open. Others may have been
  // out since before it opened.
  void OnSignOfLife();
  void OnOutage(bool probe, MonotonicTime now, absl::BitGenRef random);
  // It told nothing about the endpoint.
  void OnNothingLearned(bool probe) {
    if (probe) probing_ = false;
  }

  // When the next probe may start; meaningful while open.
  MonotonicTime probe_at() const { return probe_at_; }
  bool probing() const { return probing_; }

 private:
  Options options_;
  int outages_ = 0;
  bool probing_ = false;
  MonotonicTime probe_at_;
};

}  // namespace token_service::broker
