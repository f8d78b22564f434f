// Tells ThreadSanitizer what Debian's Abseil, which is not instrumented, does not: that its mutexes
// order what happens around them. The linker sends our calls here (-Wl,--wrap=…); only the tsan
// preset builds this.

#include <sanitizer/tsan_interface.h>
#include <sched.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

using absl::Condition;
using absl::CondVar;
using absl::Mutex;
using absl::Notification;

namespace {

// Abseil's search for deadlocks keeps a graph under a lock of its own, which the sanitizer does not
// know either.
[[maybe_unused]] const bool deadlocks_ignored = [] {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return true;
}();

}  // namespace

extern "C" {

#define TS_REAL(result, name, ...) result __real_##name(__VA_ARGS__)
#define TS_WRAP(result, name, ...) \
  __attribute__((visibility("default"))) result __wrap_##name(__VA_ARGS__)

// absl::Mutex::Lock, ReaderLock, Unlock, ReaderUnlock, TryLock
TS_REAL(void, _ZN4absl7debian35Mutex4LockEv, Mutex*);
TS_WRAP(void, _ZN4absl7debian35Mutex4LockEv, Mutex* mu) {
  __real__ZN4absl7debian35Mutex4LockEv(mu);
  __tsan_acquire(mu);
}
TS_REAL(void, _ZN4absl7debian35Mutex10ReaderLockEv, Mutex*);
TS_WRAP(void, _ZN4absl7debian35Mutex10ReaderLockEv, Mutex* mu) {
  __real__ZN4absl7debian35Mutex10ReaderLockEv(mu);
  __tsan_acquire(mu);
}
TS_REAL(bool, _ZN4absl7debian35Mutex7TryLockEv, Mutex*);
TS_WRAP(bool, _ZN4absl7debian35Mutex7TryLockEv, Mutex* mu) {
  const bool locked = __real__ZN4absl7debian35Mutex7TryLockEv(mu);
  if (locked) __tsan_acquire(mu);
  return locked;
}
TS_REAL(void, _ZN4absl7debian35Mutex6UnlockEv, Mutex*);
TS_WRAP(void, _ZN4absl7debian35Mutex6UnlockEv, Mutex* mu) {
  __tsan_release(mu);
  __real__ZN4absl7debian35Mutex6UnlockEv(mu);
}
TS_REAL(void, _ZN4absl7debian35Mutex12ReaderUnlockEv, Mutex*);
TS_WRAP(void, _ZN4absl7debian35Mutex12ReaderUnlockEv, Mutex* mu) {
  __tsan_release(mu);
  __real__ZN4absl7debian35Mutex12ReaderUnlockEv(mu);
}

// absl::Mutex::Await, LockWhen. Inside Abseil any thread evaluates a waiting one's condition,
// unseen: so each thread here looks for itself. Slow, and right.
TS_WRAP(void, _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE, Mutex* mu,
        const Condition* condition) {
  while (!condition->Eval()) {
    __wrap__ZN4absl7debian35Mutex6UnlockEv(mu);
    sched_yield();
    __wrap__ZN4absl7debian35Mutex4LockEv(mu);
  }
}
TS_WRAP(void, _ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE, Mutex* mu,
        const Condition* condition) {
  __wrap__ZN4absl7debian35Mutex4LockEv(mu);
  __wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mu, condition);
}

TS_WRAP(bool, _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE, Mutex* mu,
        const Condition* condition, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition->Eval()) {
    if (absl::Now() >= deadline) return false;
    __wrap__ZN4absl7debian35Mutex6UnlockEv(mu);
    sched_yield();
    __wrap__ZN4absl7debian35Mutex4LockEv(mu);
  }
  return true;
}

// absl::CondVar::Wait, WaitWithTimeout, WaitWithDeadline: let the mutex go and take it again.
TS_REAL(void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE, CondVar*, Mutex*);
TS_WRAP(void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE, CondVar* cv, Mutex* mu) {
  __tsan_release(mu);
  __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(cv, mu);
  __tsan_acquire(mu);
}
TS_REAL(bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE, CondVar*,
        Mutex*, absl::Duration);
TS_WRAP(bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE, CondVar* cv,
        Mutex* mu, absl::Duration timeout) {
  __tsan_release(mu);
  const bool timed_out =
      __real__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(cv, mu, timeout);
  __tsan_acquire(mu);
  return timed_out;
}
TS_REAL(bool, _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE, CondVar*, Mutex*,
        absl::Time);
TS_WRAP(bool, _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE, CondVar* cv,
        Mutex* mu, absl::Time deadline) {
  __tsan_release(mu);
  const bool timed_out =
      __real__ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE(cv, mu, deadline);
  __tsan_acquire(mu);
  return timed_out;
}

// absl::Notification::Notify, WaitForNotification
TS_REAL(void, _ZN4absl7debian312Notification6NotifyEv, Notification*);
TS_WRAP(void, _ZN4absl7debian312Notification6NotifyEv, Notification* notification) {
  __tsan_release(notification);
  __real__ZN4absl7debian312Notification6NotifyEv(notification);
}
TS_REAL(void, _ZNK4absl7debian312Notification19WaitForNotificationEv, const Notification*);
TS_WRAP(void, _ZNK4absl7debian312Notification19WaitForNotificationEv,
        const Notification* notification) {
  __real__ZNK4absl7debian312Notification19WaitForNotificationEv(notification);
  __tsan_acquire(const_cast<Notification*>(notification));
}
}
