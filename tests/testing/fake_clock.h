#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/clock.h"

namespace token_service::testing {

// Both clocks by hand. Any thread.
class FakeClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    absl::MutexLock lock(&mutex_);
    if (reads_ > 0 && --reads_ == 0) now_ = now_ + jump_;
    return now_;
  }
  absl::Time WallNow() const override {
    absl::MutexLock lock(&mutex_);
    return wall_;
  }

  // Not while somebody may Reboot.
  const std::string& BootId() const override ABSL_NO_THREAD_SAFETY_ANALYSIS { return boot_id_; }

  // Moves both. FakeTimerQueue::Advance moves them and runs what falls due.
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    now_ = now_ + by;
    wall_ += by;
  }
  // Moves Now alone, before it is read for the n-th time from here on: between two looks of one
  // call.
  void AdvanceAtRead(int n, absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    reads_ = n;
    jump_ = by;
  }
  // Somebody set the wall clock.
  void JumpWall(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    wall_ += by;
  }
  // The machine starts anew: whatever process there was is gone.
  void Reboot() {
    absl::MutexLock lock(&mutex_);
    boot_id_ += "'";
    now_ = MonotonicTime(absl::Seconds(1000));
  }

 private:
  mutable absl::Mutex mutex_;
  std::string boot_id_ ABSL_GUARDED_BY(mutex_) = "boot";
  mutable MonotonicTime now_ ABSL_GUARDED_BY(mutex_) = MonotonicTime(absl::Seconds(1000));
  mutable int reads_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration jump_ ABSL_GUARDED_BY(mutex_);
  absl::Time wall_ ABSL_GUARDED_BY(mutex_) = absl::FromUnixSeconds(1'700'000'000);
};

}  // namespace token_service::testing
