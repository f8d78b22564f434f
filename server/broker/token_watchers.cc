#include "server/broker/token_watchers.h"

#include <utility>

#include "server/base/absl_view.h"

namespace token_service::broker {

TokenWatchers::TokenWatchers(Options options, TokenCache& cache, const Clock& clock)
    : cache_(cache), clock_(clock), places_(options.max_watchers) {}

std::optional<Refusal> TokenWatchers::Add(std::string_view credential,
                                          std::shared_ptr<Watcher> watcher) {
  absl::MutexLock lock(&mutex_);
  if (shutting_down_) return MakeRefusal(Reason::kShuttingDown);
  if (!places_.Take(watcher->holder())) {
    return Refusal{.reason = Reason::kOverloaded,
                   .message = "too many calls watch already",
                   .retry_after = absl::Seconds(1)};
  }
  watchers_[AbslView(credential)].insert(std::move(watcher));
  return std::nullopt;
}

bool TokenWatchers::Remove(std::string_view credential, const std::shared_ptr<Watcher>& watcher) {
  absl::MutexLock lock(&mutex_);
  const auto group = watchers_.find(AbslView(credential));
  if (group == watchers_.end() || group->second.erase(watcher) == 0) return false;
  if (group->second.empty()) watchers_.erase(group);
  places_.Give(watcher->holder());
  return true;
}

void TokenWatchers::OnSettled(const std::string& credential,
                              const std::optional<Refusal>& refusal) {
  const std::vector<std::shared_ptr<Watcher>> watchers = Of(credential);
  if (watchers.empty()) return;
  const MonotonicTime now = clock_.Now();
  const std::optional<TokenCache::Found> found = cache_.Find(credential, now);
  const bool live = found.has_value() && found->token != nullptr && found->token->expires > now;
  // While the token lives there is nothing a watcher need know, and while there is hope a stream is
  // better kept.
  if (refusal.has_value()) {
    if (!live && !refusal->retry_after.has_value()) EndAll(credential, *refusal);
    return;
  }
  if (!live) return;
  for (const std::shared_ptr<Watcher>& watcher : watchers) watcher->OnToken(found->token);
}

void TokenWatchers::OnRemoved(const std::string& credential) {
  EndAll(credential, MakeRefusal(Reason::kCredentialNotFound));
}

void TokenWatchers::ReviewAll() {
  std::vector<std::shared_ptr<Watcher>> all;
  {
    absl::MutexLock lock(&mutex_);
    all.reserve(places_.taken());
    for (const auto& [credential, group] : watchers_) {
      all.insert(all.end(), group.begin(), group.end());
    }
  }
  for (const std::shared_ptr<Watcher>& watcher : all) watcher->OnReview();
}

void TokenWatchers::Shutdown() {
  std::vector<std::string> credentials;
  {
    absl::MutexLock lock(&mutex_);
    shutting_down_ = true;
    for (const auto& [credential, group] : watchers_) credentials.push_back(credential);
  }
  for (const std::string& credential : credentials) {
    EndAll(credential, MakeRefusal(Reason::kShuttingDown));
  }
}

void TokenWatchers::EndAll(const std::string& credential, const Refusal& refusal) {
  Group ended;
  {
    absl::MutexLock lock(&mutex_);
    const auto group = watchers_.find(credential);
    if (group == watchers_.end()) return;
    ended = std::move(group->second);
    watchers_.erase(group);
    for (const std::shared_ptr<Watcher>& watcher : ended) places_.Give(watcher->holder());
  }
  for (const std::shared_ptr<Watcher>& watcher : ended) watcher->OnEnd(refusal);
}

std::vector<std::shared_ptr<TokenWatchers::Watcher>> TokenWatchers::Of(
    const std::string& credential) const {
  absl::MutexLock lock(&mutex_);
  const auto group = watchers_.find(credential);
  if (group == watchers_.end()) return {};
  return {group->second.begin(), group->second.end()};
}

void TokenWatchers::SetMaxWatchers(size_t most) {
  absl::MutexLock lock(&mutex_);
  places_.SetMost(most);
}

size_t TokenWatchers::count() const {
  absl::MutexLock lock(&mutex_);
  return places_.taken();
}

}  // namespace token_service::broker
