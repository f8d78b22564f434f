#include "server/base/thread_timer_queue.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

ThreadTimerQueue::ThreadTimerQueue(const Clock& clock)
    : clock_(clock), timer_fd_(MakeTimer()), thread_([this] { Run(); }) {}

ThreadTimerQueue::~ThreadTimerQueue() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    WakeAfter(absl::ZeroDuration());
  }
  thread_.join();
  close(timer_fd_);
}

TimerQueue::TimerId ThreadTimerQueue::At(MonotonicTime when, absl::AnyInvocable<void()> callback) {
  absl::MutexLock lock(&mutex_);
  const TimerId id = ++last_id_;
  pending_.emplace(Key{when.since_origin(), id}, std::move(callback));
  when_.emplace(id, when.since_origin());
  if (pending_.begin()->first.second == id) WakeAfter(when - clock_.Now());
  return id;
}

bool ThreadTimerQueue::Cancel(TimerId id) {
  absl::AnyInvocable<void()> dropped;  // Destroyed after the lock: its captures may be anything.
  absl::MutexLock lock(&mutex_);
  const auto when = when_.find(id);
  if (when == when_.end()) return false;
  const auto pending = pending_.find(Key{when->second, id});
  dropped = std::move(pending->second);
  pending_.erase(pending);
  when_.erase(when);
  return true;
}

void ThreadTimerQueue::Run() {
  mutex_.Lock();
  while (!stopping_) {
    const absl::Duration wait = pending_.empty()
                                    ? absl::InfiniteDuration()
                                    : pending_.begin()->first.first - clock_.Now().since_origin();
    if (wait > absl::ZeroDuration()) {
      WakeAfter(wait);
      mutex_.Unlock();
      Sleep();
      mutex_.Lock();
      continue;
    }
    const auto next = pending_.begin();
    absl::AnyInvocable<void()> callback = std::move(next->second);
    when_.erase(next->first.second);
    pending_.erase(next);
    mutex_.Unlock();
    callback();
    callback = nullptr;
    mutex_.Lock();
  }
  mutex_.Unlock();
}

void ThreadTimerQueue::WakeAfter(absl::Duration wait) {
  itimerspec timer{};  // All zero: no alarm.
  if (wait != absl::InfiniteDuration()) {
    // Years are enough, and the kernel refuses what does not fit.
    wait = std::clamp(wait, absl::Nanoseconds(1), absl::Hours(24 * 365));
    timer.it_value = absl::ToTimespec(wait);
  }
  timerfd_settime(timer_fd_, /*flags=*/0, &timer, nullptr);
}

void ThreadTimerQueue::Sleep() const {
  uint64_t alarms = 0;
  while (read(timer_fd_, &alarms, sizeof(alarms)) < 0 && errno == EINTR) {
  }
}

}  // namespace token_service
