#include "client/core/clock.h"

#include <ctime>

namespace token_service::client {
namespace {

class MachineClock final : public Clock {
 public:
  Moment Now() const override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

const Clock& BootClock() {
  static const MachineClock clock;
  return clock;
}

}  // namespace token_service::client
