#include "server/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace token_service {
namespace {

class MachineClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return MonotonicTime(absl::DurationFromTimespec(now));
  }

  absl::Time WallNow() const override { return absl::Now(); }
};

}  // namespace

const Clock& SystemClock() {
  static const MachineClock clock;
  return clock;
}

}  // namespace token_service
