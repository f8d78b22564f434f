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
  // Never destroyed: a source that outlives the end of main looks at it to the last.
  static const auto* const clock = new MachineClock;
  return *clock;
}

}  // namespace token_service::client
