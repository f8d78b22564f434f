#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace token_service::app {

// Bounds how often each place in a library's source may log: what a peer sends makes it speak. Any
// thread.
class SiteLimiter {
 public:
  struct Options {
    int lines = 5;  // In each interval.
    absl::Duration interval = absl::Seconds(10);
    size_t most_sites = 256;  // Those beyond are one.
  };

  SiteLimiter(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  // May it log a line now? One that may not is counted.
  bool Admit(std::string_view file, int line);

  struct Suppressed {
    std::string file;
    int line = 0;
    uint64_t lines = 0;
  };
  // What was counted in intervals that are over, once.
  std::vector<Suppressed> Take();

 private:
  struct Site {
    MonotonicTime begun;  // The interval.
    int admitted = 0;
    uint64_t suppressed = 0;
    uint64_t over = 0;  // Those of earlier intervals, not taken yet.
  };

  const Options options_;
  const Clock& clock_;
  absl::Mutex mutex_;
  std::map<std::pair<std::string, int>, Site> sites_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::app
