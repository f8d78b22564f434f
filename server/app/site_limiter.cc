#include "server/app/site_limiter.h"

#include <utility>

namespace token_service::app {

bool SiteLimiter::Admit(std::string_view file, int line) {
  absl::MutexLock lock(&mutex_);
  const MonotonicTime now = clock_.Now();
  std::pair<std::string, int> key(file, line);
  if (!sites_.contains(key) && sites_.size() >= options_.most_sites) key = {"others", 0};
  const auto [found, is_new] = sites_.try_emplace(std::move(key), Site{.begun = now});
  Site& site = found->second;
  if (now - site.begun >= options_.interval) {
    site.begun = now;
    site.admitted = 0;
    site.over += std::exchange(site.suppressed, 0);
  }
  if (site.admitted < options_.lines) {
    ++site.admitted;
    return true;
  }
  ++site.suppressed;
  return false;
}

std::vector<SiteLimiter::Suppressed> SiteLimiter::Take() {
  std::vector<Suppressed> taken;
  absl::MutexLock lock(&mutex_);
  const MonotonicTime now = clock_.Now();
  for (auto& [key, site] : sites_) {
    if (now - site.begun >= options_.interval) site.over += std::exchange(site.suppressed, 0);
    if (site.over == 0) continue;
    taken.push_back({.file = key.first, .line = key.second, .lines = std::exchange(site.over, 0)});
  }
  return taken;
}

}  // namespace token_service::app
