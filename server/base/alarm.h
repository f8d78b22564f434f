#pragma once

#include "absl/time/time.h"

namespace token_service {

// What one thread sleeps on, for a time by CLOCK_BOOTTIME (timerfd) or until another thread ends
// it. Abseil's waits end by the wall clock: when that is set back an hour, they last an hour
// longer.
class Alarm {
 public:
  Alarm();
  ~Alarm();

  // It goes off after `wait` (zero: at once; infinite: not at all), and no more when it would have
  // before. Any thread.
  void Set(absl::Duration wait);

  // Until it goes off, or has since the last time. The one thread.
  void Await() const;

 private:
  const int timer_fd_;
};

}  // namespace token_service
