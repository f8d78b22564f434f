#pragma once

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/executor.h"

namespace token_service {

// The refresh workers: a fixed number of threads. The only ones that touch the network or the
// store's write path.
class WorkerPool final : public Executor {
 public:
  // `niceness`: so much nicer to the rest of the process than the thread that makes them (nice(2)).
  explicit WorkerPool(int threads, int niceness = 0);
  ~WorkerPool() override;

  // Both drop the task after Stop.
  void Run(absl::AnyInvocable<void()> task) override;
  void RunFirst(absl::AnyInvocable<void()> task) override;

  // Finishes the running tasks and those of RunFirst, drops the others that wait.
  void Stop();

 private:
  void Work(int niceness);

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<absl::AnyInvocable<void()>> first_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::AnyInvocable<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace token_service
