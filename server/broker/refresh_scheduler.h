#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "server/base/backoff.h"
#include "server/base/timer_queue.h"
#include "server/broker/breaker.h"
#include "server/broker/credential.h"
#include "server/broker/credential_status.h"
#include "server/broker/executor.h"
#include "server/broker/refresh_policy.h"
#include "server/broker/refresher.h"
#include "server/broker/token_cache.h"

namespace token_service::broker {

// Who is told how a flight ended. Called without locks held, on a worker's or the timer's thread.
class RefreshListener {
 public:
  virtual ~RefreshListener() = default;

  // Nullopt: look into the cache. Otherwise no token is to be had now.
  virtual void OnSettled(const std::string& credential, const std::optional<Refusal>& refusal) = 0;

  // The credential is gone.
  virtual void OnRemoved(const std::string& credential) = 0;
};

// Decides when each credential is refreshed: ahead of expiry, on demand, after a failure. At most
// one flight a credential, a bounded number an endpoint, behind one breaker an endpoint; callers'
// needs go before refreshes ahead. Any thread may call; nothing here blocks but Drain.
class RefreshScheduler {
 public:
  struct Options {
    int workers = 16;
    int per_endpoint = 8;
    BackoffPolicy backoff;
    Breaker::Options breaker;
    absl::Duration client_rejected_retry = absl::Minutes(10);
    // How long callers wait for a flight to a provider that did not answer the last one: it is more
    // likely to end in another time-out than in a token.
    absl::Duration patience = absl::Seconds(1);
    // An exchange that takes longer may be one that hangs: docs/adr/0013-outages.md.
    absl::Duration overdue = absl::Seconds(2);
    // How often to look whether another replica's attempt has landed.
    absl::Duration poll_other_holder = absl::Milliseconds(250);
    bool sole_holder = true;  // As in Refresher::Options.
  };

  RefreshScheduler(Options options, Refresher& refresher, TokenCache& cache, Executor& executor,
                   TimerQueue& timers, const Clock& clock);
  // After the executor and the timer queue have stopped.
  ~RefreshScheduler();

  // Before the first Add. Each outlives this object's last flight; they are told in this order.
  void AddListener(RefreshListener* listener) { listeners_.push_back(listener); }

  // Serves a stored credential from now on: publishes its token and plans its refresh. Once a name.
  void Add(CredentialSettingsPtr settings, const CredentialRecord& record);
  // New settings for a known name.
  void Update(CredentialSettingsPtr settings);
  // Ends waiters and watchers; a flight under way ends unseen. `landed` is called once nothing of
  // this credential is in the air any more, perhaps before this returns, without locks held: only
  // then may the name be given to another, lest it be served what belongs to this one.
  void Remove(std::string_view name, absl::AnyInvocable<void()> landed = nullptr);
  // Taken out of the configuration: waiters and watchers are told so, and nothing is handed out or
  // begun any more. What is in the air lands and is stored: it may hold the next refresh token.
  void Disable(std::string_view name);
  // Undoes that.
  void Enable(CredentialSettingsPtr settings, const CredentialRecord& record);
  // What the store holds of kept answers has changed, or the rules that they are read by. Empty: of
  // every credential.
  void OnEvidenceChanged(std::string_view name);
  // The store holds a new refresh token: exchanges it at once, unless the credential is held and
  // stays so. The current token serves until it lands.
  enum class Hold { kStays, kEnds };
  void OnGrantReplaced(std::string_view name, Hold hold);
  // An operator has released it: it is refreshed like any other.
  void OnReleased(std::string_view name);

  enum class Need {
    kSoon,      // The current token will do for now.
    kNow,       // It will not.
    kRejected,  // The API refuses it.
    // A person insists: overrides backoff, doubt's waiting, breaker and the client-rejected latch.
    kOperator,
    kOperatorInsists,  // Also a dead grant, and evidence that stands.
  };
  // A refresh is under way or about to start: the listener will be told.
  struct Underway {};
  // The token of `seen_generation` is no longer the current one.
  struct Superseded {};
  using Answer = std::variant<Underway, Superseded, Refusal>;
  Answer Demand(std::string_view name, Need need, uint64_t seen_generation);

  std::optional<CredentialStatus> Status(std::string_view name) const;
  // Of the first `most` whose names come after `after`, in order of name.
  std::vector<CredentialStatus> List(std::string_view after, size_t most) const;

  // Of Options::per_endpoint; flights under way go on.
  void SetPerEndpoint(int most);

  // What it makes of a token endpoint.
  struct EndpointStatus {
    std::string url;
    bool breaker_open = false;
    size_t queued = 0;  // Refreshes that are due and have not started.
  };
  std::vector<EndpointStatus> ListEndpoints() const;

  // Answers that are in memory only, because the store would not take them. The one to page on.
  int unpersisted() const { return refresher_.unpersisted(); }

  // No refreshes ahead any more; waits until flights have landed, callers' needs are met and every
  // answer is stored, or for `timeout`. True: nothing is left.
  bool Drain(absl::Duration timeout);

 private:
  struct Entry;
  struct Endpoint;
  class Endpoints;
  struct Effects;
  using EntryPtr = std::shared_ptr<Entry>;

  void OnTimer();
  void OnPatienceEnd(const EntryPtr& entry, uint64_t flight);
  void Fly(const EntryPtr& entry, CredentialSettingsPtr settings, Refresher::Order order);
  void Persist(const EntryPtr& entry, Unpersisted pending);
  void Land(const EntryPtr& entry, RefreshResult result);
  void Perform(Effects effects) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsPast(const std::string& name, const std::optional<Refusal>& refusal) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  Answer DemandLocked(std::string_view name, Need need, uint64_t seen_generation, Effects& effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entry* FindLocked(std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  RefreshPlan PlanLocked(Entry& entry, MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RestLocked(Entry& entry, MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeLocked(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EnqueueLocked(Entry& entry, bool wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AdvanceLocked(Effects& effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DispatchLocked(bool wanted, MonotonicTime now, Effects& effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool StartOneLocked(Endpoint& endpoint, bool wanted, MonotonicTime now, Effects& effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartPersistLocked(Entry& entry, Effects& effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmLocked(MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WithdrawLocked(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefuseWantedLocked(const Endpoint& endpoint, MonotonicTime now, Effects& effects)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RetryAfterOutageLocked(const Endpoint& endpoint, MonotonicTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveLocked(EntryPtr entry, absl::AnyInvocable<void()>& landed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  CredentialStatus StatusLocked(const Entry& entry, MonotonicTime now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Refusal RefusalLocked(const Entry& entry, MonotonicTime now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IdleLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  Refresher& refresher_;
  TokenCache& cache_;
  Executor& executor_;
  TimerQueue& timers_;
  const Clock& clock_;
  std::vector<RefreshListener*> listeners_;

  mutable absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, EntryPtr> entries_ ABSL_GUARDED_BY(mutex_);
  // Resting entries by when they are due.
  absl::btree_set<std::pair<absl::Duration, Entry*>> due_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<Endpoints> endpoints_ ABSL_PT_GUARDED_BY(mutex_);
  int per_endpoint_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<TimerQueue::TimerId> timer_ ABSL_GUARDED_BY(mutex_);
  MonotonicTime timer_at_ ABSL_GUARDED_BY(mutex_) = MonotonicTime::Never();
};

}  // namespace token_service::broker
