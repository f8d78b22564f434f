#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/refresh_listener.h"
#include "server/broker/shared_places.h"
#include "server/broker/token_cache.h"

namespace token_service::broker {

// Tells whoever watches a credential of each new token. Any thread may call; nothing here blocks.
class TokenWatchers final : public RefreshListener {
 public:
  struct Options {
    size_t max_watchers = 10000;
  };

  // Both are called without locks held, on any thread, and may overlap: a watcher orders tokens by
  // their generation.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnToken(const AccessTokenPtr& token) = 0;
    // No more tokens. Once; perhaps before or while OnToken is called for an earlier token.
    virtual void OnEnd(const Refusal& refusal) = 0;
    // Who may watch what has changed: whoever may not any more removes itself.
    virtual void OnReview() {}
    // Whose place it takes. Always the same; called under a lock.
    virtual SharedPlaces::Holder holder() const { return SharedPlaces::kNobody; }
  };

  TokenWatchers(Options options, TokenCache& cache, const Clock& clock);

  // Adds a watcher, who then hears of the next token; the current one it gets by itself,
  // afterwards, so that none is missed. A refusal: too many, or shutting down.
  std::optional<Refusal> Add(std::string_view credential, std::shared_ptr<Watcher> watcher);

  // True: it was there, and OnEnd is not and will not be called.
  bool Remove(std::string_view credential, const std::shared_ptr<Watcher>& watcher);

  // Calls OnReview of every watcher that was added before.
  void ReviewAll();

  // Ends all, now and from now on.
  void Shutdown();

  // From now on; whoever watches already goes on watching.
  void SetMaxWatchers(size_t most);

  size_t count() const;

  void OnSettled(const std::string& credential, const std::optional<Refusal>& refusal) override;
  void OnRemoved(const std::string& credential) override;

 private:
  using Group = absl::flat_hash_set<std::shared_ptr<Watcher>>;

  std::vector<std::shared_ptr<Watcher>> Of(const std::string& credential) const;
  void EndAll(const std::string& credential, const Refusal& refusal);

  TokenCache& cache_;
  const Clock& clock_;

  mutable absl::Mutex mutex_;
  SharedPlaces places_ ABSL_GUARDED_BY(mutex_);
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<std::string, Group> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::broker
