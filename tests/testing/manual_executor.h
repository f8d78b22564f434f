#pragma once

#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/executor.h"

namespace token_service::testing {

// Runs tasks when the test says, on the test's thread. Any thread may add one.
class ManualExecutor final : public Executor {
 public:
  void Run(absl::AnyInvocable<void()> task) override {
    {
      absl::MutexLock lock(&mutex_);
      if (!at_once_) {
        tasks_.push_back(std::move(task));
        return;
      }
    }
    task();
  }

  // From now on a task runs inside Run (as if exchanges took no time), or waits to be run.
  void RunAtOnce(bool at_once) {
    absl::MutexLock lock(&mutex_);
    at_once_ = at_once;
  }

  // Runs the oldest task. False: there is none.
  bool RunOne() {
    absl::AnyInvocable<void()> task;
    {
      absl::MutexLock lock(&mutex_);
      if (tasks_.empty()) return false;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    return true;
  }

  // How many wait to be run.
  size_t waiting() const {
    absl::MutexLock lock(&mutex_);
    return tasks_.size();
  }

  // Runs all there are, and those they add.
  void RunAll() {
    while (RunOne()) {
    }
  }

  size_t pending() const {
    absl::MutexLock lock(&mutex_);
    return tasks_.size();
  }

 private:
  mutable absl::Mutex mutex_;
  bool at_once_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<absl::AnyInvocable<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::testing
