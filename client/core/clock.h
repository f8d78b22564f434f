#pragma once

#include "absl/time/time.h"

namespace token_service::client {

// A moment on a clock that never jumps: the time since the machine started, sleep included.
using Moment = absl::Duration;

// The only source of time. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Moment Now() const = 0;
};

// CLOCK_BOOTTIME.
const Clock& BootClock();

}  // namespace token_service::client
