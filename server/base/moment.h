#pragma once

#include <string>
#include <utility>

#include "absl/time/time.h"

namespace token_service {

// A moment that outlives the process that saw it. The wall clock may be set, back or forth, so how
// long ago it was is told by the clock that counts from the machine's start (CLOCK_BOOTTIME), as
// long as that is the same start (docs/adr/0028-ages-by-the-clock-of-the-boot.md).
struct Moment {
  Moment() = default;
  // Of no boot that is known: how long ago it was, nobody can tell for sure.
  Moment(absl::Time on_the_wall) : wall(on_the_wall) {}  // NOLINT(google-explicit-constructor)
  Moment(absl::Time on_the_wall, std::string boot, absl::Duration after_boot)
      : wall(on_the_wall), boot_id(std::move(boot)), since_boot(after_boot) {}

  absl::Time wall;
  std::string boot_id;        // Clock::BootId; empty: not known.
  absl::Duration since_boot;  // Means something on that boot only.

  friend bool operator==(const Moment& a, const Moment& b) {
    return a.wall == b.wall && a.boot_id == b.boot_id && a.since_boot == b.since_boot;
  }
};

// `age` before `now`, on the same clocks.
inline Moment MomentBefore(const Moment& now, absl::Duration age) {
  return {now.wall - age, now.boot_id, now.since_boot - age};
}

}  // namespace token_service
