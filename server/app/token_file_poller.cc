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
  }
  thread_.join();
}

void TokenFilePoller::Poke() {
  absl::MutexLock lock(&mutex_);
  poked_ = true;
}

void TokenFilePoller::Run() {
  const auto woken = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || poked_; };
  bool again = false;  // A poke is worth two looks.
  while (true) {
    LookAtAll();
    absl::MutexLock lock(&mutex_);
    if (!std::exchange(again, false)) {
      mutex_.AwaitWithTimeout(absl::Condition(&woken), kInterval);
      again = std::exchange(poked_, false);
    }
    if (stopping_) return;
  }
}

void TokenFilePoller::LookAtAll() {
  for (auto& [credential, watch] : watches_) {
    const absl::StatusOr<std::optional<Secret>> news = watch.Check();
    if (!news.ok()) {
      telemetry::Log(telemetry::Level::kWarning, "refresh_token_file cannot be used",
                     {{"credential", credential}, {"error", std::string(news.status().message())}});
    } else if (news->has_value()) {
      on_token_(credential, **news);
    }
  }
}

}  // namespace token_service::app
