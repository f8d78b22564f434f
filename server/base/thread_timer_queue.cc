#include "server/base/thread_timer_queue.h"

#include <utility>

namespace token_service {

ThreadTimerQueue::ThreadTimerQueue(const Clock& clock)
    : clock_(clock), thread_([this] { Run(); }) {}

ThreadTimerQueue::~ThreadTimerQueue() { Stop(); }

void ThreadTimerQueue::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    alarm_.Set(absl::ZeroDuration());
  }
  if (thread_.joinable()) thread_.join();
  // Destroyed after the lock: their captures may be anything.
  std::map<Key, absl::AnyInvocable<void()>> dropped;
  absl::MutexLock lock(&mutex_);
  dropped.swap(pending_);
  when_.clear();
}

TimerQueue::TimerId ThreadTimerQueue::At(MonotonicTime when, absl::AnyInvocable<void()> callback) {
  absl::MutexLock lock(&mutex_);
  const TimerId id = ++last_id_;
  if (stopping_) return id;
  pending_.emplace(Key{when.since_origin(), id}, std::move(callback));
  when_.emplace(id, when.since_origin());
  if (pending_.begin()->first.second == id) alarm_.Set(when - clock_.Now());
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
      alarm_.Set(wait);
      mutex_.Unlock();
      alarm_.Await();
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

}  // namespace token_service
