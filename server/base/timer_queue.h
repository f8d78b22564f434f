#pragma once

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "server/base/clock.h"

namespace token_service {

// Runs callbacks at given moments. Any thread may call; callbacks run one at a time on the queue's
// own thread, must not block, and may call the queue. None runs after the queue is destroyed.
class TimerQueue {
 public:
  using TimerId = uint64_t;

  virtual ~TimerQueue() = default;

  // Runs `callback` once, as soon as the clock reaches `when` (at once if it has).
  virtual TimerId At(MonotonicTime when, absl::AnyInvocable<void()> callback) = 0;

  // True: it will not run. False: it has run, is running or is not known.
  virtual bool Cancel(TimerId id) = 0;
};

}  // namespace token_service
