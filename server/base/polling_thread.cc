#include "server/base/polling_thread.h"

#include <utility>

namespace token_service {

PollingThread::PollingThread(absl::Duration first, Look look) : look_(std::move(look)) {
  thread_ = std::thread([this, first] { Run(first); });
}

PollingThread::~PollingThread() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    alarm_.Set(absl::ZeroDuration());
  }
  thread_.join();
}

void PollingThread::Poke() {
  absl::MutexLock lock(&mutex_);
  poked_ = true;
  alarm_.Set(absl::ZeroDuration());
}

bool PollingThread::Stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void PollingThread::Run(absl::Duration rest) {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (!poked_ && !stopping_) alarm_.Set(rest);
    }
    alarm_.Await();
    bool poked = false;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      poked = std::exchange(poked_, false);
    }
    rest = look_(poked);
  }
}

}  // namespace token_service
