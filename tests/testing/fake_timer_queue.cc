#include "tests/testing/fake_timer_queue.h"

#include <algorithm>

namespace token_service::testing {

TimerQueue::TimerId FakeTimerQueue::At(MonotonicTime when, absl::AnyInvocable<void()> callback) {
  absl::MutexLock lock(&mutex_);
  const TimerId id = ++last_id_;
  pending_.emplace(Key{when.since_origin(), id}, std::move(callback));
  return id;
}

bool FakeTimerQueue::Cancel(TimerId id) {
  absl::MutexLock lock(&mutex_);
  const auto found = std::find_if(pending_.begin(), pending_.end(),
                                  [id](const auto& entry) { return entry.first.second == id; });
  if (found == pending_.end()) return false;
  pending_.erase(found);
  return true;
}

void FakeTimerQueue::Advance(absl::Duration by) {
  const MonotonicTime end = clock_.Now() + by;
  while (true) {
    absl::AnyInvocable<void()> callback;
    {
      absl::MutexLock lock(&mutex_);
      if (pending_.empty()) break;
      const auto next = pending_.begin();
      const MonotonicTime when(next->first.first);
      if (when > end) break;
      if (when > clock_.Now()) clock_.Advance(when - clock_.Now());
      callback = std::move(next->second);
      pending_.erase(next);
    }
    callback();
  }
  clock_.Advance(end - clock_.Now());
}

size_t FakeTimerQueue::pending() const {
  absl::MutexLock lock(&mutex_);
  return pending_.size();
}

}  // namespace token_service::testing
