#include "client/core/alarm.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace token_service::client {

Alarm::Alarm()
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (event_ < 0 || timer_ < 0) abort();
}

Alarm::~Alarm() {
  close(event_);
  close(timer_);
}

void Alarm::Ring() {
  const uint64_t one = 1;
  // Fails only when it is ringing already.
  [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof(one));
}

void Alarm::Sleep(absl::Duration in) {
  itimerspec timer{};
  if (in != absl::InfiniteDuration()) {
    // A timer set to zero is none.
    timer.it_value = absl::ToTimespec(std::max(in, absl::Nanoseconds(1)));
  }
  timerfd_settime(timer_, 0, &timer, nullptr);
  pollfd fds[] = {{.fd = event_, .events = POLLIN}, {.fd = timer_, .events = POLLIN}};
  poll(fds, 2, -1);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t was_read = read(event_, &count, sizeof(count));
}

}  // namespace token_service::client
