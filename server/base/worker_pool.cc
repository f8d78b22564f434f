#include "server/base/worker_pool.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace token_service {
namespace {

// On Linux a priority is the thread's alone.
void BeNicer(int niceness) {
  constexpr int kNicest = 19;
  const auto self = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, self, std::min(getpriority(PRIO_PROCESS, self) + niceness, kNicest));
}

}  // namespace

WorkerPool::WorkerPool(int threads, int niceness) {
  threads_.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this, niceness] { Work(niceness); });
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::Run(absl::AnyInvocable<void()> task) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
}

void WorkerPool::RunFirst(absl::AnyInvocable<void()> task) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return;
  first_.push_back(std::move(task));
}

void WorkerPool::Work(int niceness) {
  if (niceness > 0) BeNicer(niceness);
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !first_.empty() || !tasks_.empty();
  };
  while (true) {
    absl::AnyInvocable<void()> task;
    {
      absl::MutexLock lock(&mutex_, absl::Condition(&ready));
      if (stopping_ && first_.empty()) return;
      auto& queue = first_.empty() ? tasks_ : first_;
      task = std::move(queue.front());
      queue.pop_front();
    }
    task();
  }
}

}  // namespace token_service
