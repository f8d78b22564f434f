#pragma once

#include <string>

#include "absl/time/time.h"
#include "server/base/moment.h"

namespace token_service {

// A moment on a clock that never jumps and goes on while the machine sleeps (CLOCK_BOOTTIME). Means
// nothing outside this boot of the machine: what is stored is a Moment, what is sent absl::Time.
class MonotonicTime {
 public:
  MonotonicTime() = default;
  explicit MonotonicTime(absl::Duration since_origin) : since_origin_(since_origin) {}
  static MonotonicTime Never() { return MonotonicTime(absl::InfiniteDuration()); }

  // Before all that happened.
  static MonotonicTime LongAgo() { return MonotonicTime(-absl::InfiniteDuration()); }

  absl::Duration since_origin() const { return since_origin_; }

  friend MonotonicTime operator+(MonotonicTime t, absl::Duration d) {
    return MonotonicTime(t.since_origin_ + d);
  }
  friend MonotonicTime operator-(MonotonicTime t, absl::Duration d) {
    return MonotonicTime(t.since_origin_ - d);
  }
  friend absl::Duration operator-(MonotonicTime a, MonotonicTime b) {
    return a.since_origin_ - b.since_origin_;
  }
  friend bool operator==(MonotonicTime a, MonotonicTime b) {
    return a.since_origin_ == b.since_origin_;
  }
  friend bool operator<(MonotonicTime a, MonotonicTime b) {
    return a.since_origin_ < b.since_origin_;
  }
  friend bool operator>(MonotonicTime a, MonotonicTime b) { return b < a; }
  friend bool operator<=(MonotonicTime a, MonotonicTime b) { return !(b < a); }
  friend bool operator>=(MonotonicTime a, MonotonicTime b) { return !(a < b); }

 private:
  absl::Duration since_origin_;
};

// The only source of time. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // For lifetimes and delays.
  virtual MonotonicTime Now() const = 0;

  // For what is stored, sent or shown. May jump.
  virtual absl::Time WallNow() const = 0;

  // Names the origin of Now, for those who come after this process: ReadBootId.
  virtual const std::string& BootId() const = 0;

  Moment MomentNow() const { return MomentAt(Now()); }

  // What is stored of a moment on this clock.
  Moment MomentAt(MonotonicTime time) const {
    return {WallNow() - (Now() - time), BootId(), time.since_origin()};
  }
};

// The machine's clocks.
const Clock& SystemClock();

}  // namespace token_service
