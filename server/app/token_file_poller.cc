#include "server/app/token_file_poller.h"

#include <optional>

#include "server/telemetry/log.h"

namespace token_service::app {

namespace {

std::vector<std::pair<std::string, TokenFileWatch>> WatchesOf(const TokenFilePoller::Files& files) {
  std::vector<std::pair<std::string, TokenFileWatch>> watches;
  watches.reserve(files.size());
  for (const auto& [credential, path] : files) {
    watches.emplace_back(credential, TokenFileWatch(path));
  }
  return watches;
}

}  // namespace

TokenFilePoller::TokenFilePoller(Files files, OnToken on_token)
    : files_(std::move(files)),
      on_token_(std::move(on_token)),
      watches_(WatchesOf(files_)),
      thread_(absl::InfiniteDuration(), [this](bool poked) {
        LookAtAll();
        return poked ? kSettle : kInterval;
      }) {
  Poke();
}

void TokenFilePoller::LookAtAll() {
  for (auto& [credential, watch] : watches_) {
    if (thread_.Stopping()) return;
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
