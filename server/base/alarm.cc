#include "server/base/alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace token_service {
namespace {

int MakeTimer() {
  const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
  if (fd >= 0) return fd;
  // At the start of a process that may have no files open: it could do nothing else either.
  std::perror("timerfd_create");
  std::abort();
}

}  // namespace

Alarm::Alarm() : timer_fd_(MakeTimer()) {}

Alarm::~Alarm() { close(timer_fd_); }

void Alarm::Set(absl::Duration wait) {
  itimerspec timer{};  // All zero: no alarm.
  if (wait != absl::InfiniteDuration()) {
    // Years are enough, and the kernel refuses what does not fit.
    wait = std::clamp(wait, absl::Nanoseconds(1), absl::Hours(24 * 365));
    timer.it_value = absl::ToTimespec(wait);
  }
  timerfd_settime(timer_fd_, /*flags=*/0, &timer, nullptr);
}

void Alarm::Await() const {
  uint64_t alarms = 0;
  while (read(timer_fd_, &alarms, sizeof(alarms)) < 0 && errno == EINTR) {
  }
}

}  // namespace token_service
