#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace token_service::telemetry {

// What tells one kind of denial from another. The credential does not: whoever is denied may make
// up as many names as it likes.
struct DenialKind {
  std::string caller;
  std::string_view connection;  // Static, as is the next.
  std::string_view method;
  std::string reason;
  std::string peer;  // Without a port.

  friend auto operator<=>(const DenialKind&, const DenialKind&) = default;
};

// Whoever is denied calls again, at no cost to itself: the first denials of a kind are written, and
// then how many there were. Any thread.
class DenialFold {
 public:
  struct Options {
    int lines = 5;  // In each interval, of each kind.
    absl::Duration interval = absl::Seconds(10);
    size_t most_kinds = 1024;  // Those beyond are one.
  };

  DenialFold(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  // May it be written now? One that may not is counted.
  bool Admit(DenialKind kind);

  struct Repeats {
    DenialKind kind;
    uint64_t count = 0;
  };
  // What was counted in intervals that are over, or, `all`, in whatever interval; once.
  std::vector<Repeats> Take(bool all);

 private:
  struct Count {
    MonotonicTime begun;  // The interval.
    int admitted = 0;
    uint64_t folded = 0;
  };

  const Options options_;
  const Clock& clock_;
  absl::Mutex mutex_;
  std::map<DenialKind, Count> kinds_ ABSL_GUARDED_BY(mutex_);
};

// The peer's address, as gRPC says it, without what is another with each connection.
std::string_view PeerHost(std::string_view peer);

}  // namespace token_service::telemetry
