#pragma once

#include "client/core/clock.h"

namespace token_service::client {

// Lets one thread sleep until a moment of CLOCK_BOOTTIME or until it is rung. By the kernel's timer
// on that clock: a condition variable's time-out would follow somebody who sets the wall clock.
class Alarm {
 public:
  Alarm();  // Aborts when the process has no file descriptors left.
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Any thread. One ring is kept for a sleeper who is about to.
  void Ring();

  // `in` from now; infinite: until rung.
  void Sleep(absl::Duration in);

 private:
  const int event_;
  const int timer_;
};

}  // namespace token_service::client
