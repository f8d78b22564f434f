#include "server/app/token_file_poller.h"

#include <optional>

#include "server/telemetry/log.h"

namespace token_service::app {

TokenFilePoller::TokenFilePoller(Files files, OnToken on_token)
    : files_(std::move(files)), on_token_(std::move(on_token)) {
  watches_.reserve(files_.size());
  for (const auto& [credential, path] : files_) {
    watches_.emplace_back(credential, TokenFileWatch(path));
  }
  thread_ = std::thread([this] { Run(); });
}

TokenFilePoller::~TokenFilePoller() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    alarm_.Set(absl::ZeroDuration());
  }
  thread_.join();
}

void TokenFilePoller::Poke() {
  absl::MutexLock lock(&mutex_);
  poked_ = true;
  alarm_.Set(absl::ZeroDuration());
}

bool TokenFilePoller::Stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void TokenFilePoller::Run() {
  while (!Stopping()) {
    bool poked = false;
    {
      absl::MutexLock lock(&mutex_);
      poked = std::exchange(poked_, false);
    }
    LookAtAll();
    Rest(poked ? kSettle : kInterval);
  }
}

// Less when it is poked or stopped.
void TokenFilePoller::Rest(absl::Duration at_most) {
  {
    absl::MutexLock lock(&mutex_);
    if (poked_ || stopping_) return;
    alarm_.Set(at_most);
  }
  alarm_.Await();
}

void TokenFilePoller::LookAtAll() {
  for (auto& [credential, watch] : watches_) {
    if (Stopping()) return;
    const absl::StatusOr<std::optional<Secret>> news = watch.Check();
    if (!news.ok()) {
      // The file has done its work; what the store holds is newer anyway.
      telemetry::Log(telemetry::Level::kWarning,
                     "refresh_token_file cannot be used; going on with the stored one",
                     {{"credential", credential}, {"error", std::string(news.status().message())}});
    } else if (news->has_value() && !on_token_(credential, **news)) {
      watch.BringAgain();
    }
  }
}

}  // namespace token_service::app
