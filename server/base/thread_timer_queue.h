#pragma once

#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/base/alarm.h"
#include "server/base/timer_queue.h"

namespace token_service {

// A TimerQueue with one thread of its own.
class ThreadTimerQueue final : public TimerQueue {
 public:
  explicit ThreadTimerQueue(const Clock& clock = SystemClock());
  ~ThreadTimerQueue() override;

  // Waits for a running callback; drops the pending ones, and whatever comes after. Not from a
  // callback.
  void Stop();

  TimerId At(MonotonicTime when, absl::AnyInvocable<void()> callback) override;
  bool Cancel(TimerId id) override;

 private:
  using Key = std::pair<absl::Duration, TimerId>;

  void Run();

  const Clock& clock_;
  Alarm alarm_;  // What the thread sleeps on.
  absl::Mutex mutex_;
  TimerId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<Key, absl::AnyInvocable<void()>> pending_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<TimerId, absl::Duration> when_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace token_service
