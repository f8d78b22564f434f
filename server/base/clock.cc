#include "server/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"
#include "server/base/boot_id.h"

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

  const std::string& BootId() const override { return boot_id_; }

 private:
  const std::string boot_id_ = ReadBootId();
};

}  // namespace

const Clock& SystemClock() {
  // Never destroyed: threads that nobody waits for look at it to the last.
  static const auto* const clock = new MachineClock;
  return *clock;
}

}  // namespace token_service
