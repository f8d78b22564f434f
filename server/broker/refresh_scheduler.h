#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/executor.h"
#include "server/base/timer_queue.h"
#include "server/broker/credential.h"
#include "server/broker/credential_status.h"
#include "server/broker/refresh_book.h"
#include "server/broker/refresh_listener.h"
#include "server/broker/refresh_options.h"
#include "server/broker/refresher.h"
#include "server/broker/token_cache.h"

namespace token_service::broker {

// Refreshes each credential when RefreshBook says so: ahead of expiry, on demand, after a failure.
// Any thread may call; nothing here blocks but Drain.
class RefreshScheduler {
 public:
  using Options = RefreshOptions;
  using Hold = RefreshBook::Hold;
  using Need = RefreshBook::Need;
  using Underway = RefreshBook::Underway;
  using Superseded = RefreshBook::Superseded;
  using Answer = RefreshBook::Answer;

  RefreshScheduler(const Options& options, Refresher& refresher, TokenCache& cache,
                   Executor& executor, TimerQueue& timers, const Clock& clock);

  // Before the first Add. Each outlives this object's last flight; they are told in this order.
  void AddListener(RefreshListener* listener) { listeners_.push_back(listener); }

  // Serves a stored credential from now on: publishes its token and plans its refresh. Once a name.
  void Add(CredentialSettingsPtr settings, const CredentialRecord& record);
  // What the store says of it now, if others write there too: a credential that is not known yet is
  // added, of one that is known what is news. What was read earlier than what is known is none.
  void OnStored(CredentialSettingsPtr settings, const CredentialRecord& record);
  void OnDeleted(const DeletedCredential& deleted);
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
  void OnGrantReplaced(std::string_view name, Hold hold);
  // An operator has released it: it is refreshed like any other.
  void OnReleased(std::string_view name);

  // Somebody who saw the token of `seen_generation` needs another. Underway: the listeners will be
  // told.
  Answer Demand(std::string_view name, Need need, uint64_t seen_generation);

  std::optional<CredentialStatus> Status(std::string_view name) const;
  // Of the first `most` whose names come after `after`, in order of name.
  std::vector<CredentialStatus> List(std::string_view after, size_t most) const;
  std::vector<EndpointStatus> ListEndpoints() const;

  // Of Options::per_endpoint; flights under way go on.
  void SetPerEndpoint(int most);

  // Answers that are in memory only, because the store would not take them. The one to page on.
  int unpersisted() const { return refresher_.unpersisted(); }

  // No refreshes ahead any more; waits until flights have landed, callers' needs are met and every
  // answer is stored, or for `timeout`. True: nothing is left.
  bool Drain(absl::Duration timeout);

 private:
  using Event = absl::FunctionRef<RefreshActions(RefreshBook&, MonotonicTime now)>;

  // Tells the book what happened, and does what it says.
  void On(Event event) ABSL_LOCKS_EXCLUDED(mutex_);
  void Start(RefreshActions actions) ABSL_LOCKS_EXCLUDED(mutex_);
  void TellEverybody() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Telling> TakeNext() ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsPast(const Tell& tell) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Called with the lock held: callers see what the book knows, so that who has seen a token and
  // asks for another does not join the flight that brought it.
  void Do(const Serve& action);
  void Do(const StopServing& action);
  void Do(Publish& action);
  void Do(const Withdraw& action);
  void Do(const SetDormant& action);
  void Do(const ArmTimer& action);
  void Do(const ArmPatience& action);
  void Do(Telling& action);
  void Do(const StartFlight&) {}  // Start's, once the lock is released.
  void Do(const StartPersist&) {}

  void Fly(const StartFlight& order);
  void Persist(StartPersist& order);
  void Land(FlightId flight, const std::string& name, RefreshResult result);
  RefreshFacts FactsOf(const CredentialSettings& settings, const CredentialRecord& record) const;
  bool IdleLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Refresher& refresher_;
  TokenCache& cache_;
  Executor& executor_;
  TimerQueue& timers_;
  const Clock& clock_;
  std::vector<RefreshListener*> listeners_;

  mutable absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  RefreshBook book_ ABSL_GUARDED_BY(mutex_);
  std::optional<TimerQueue::TimerId> timer_ ABSL_GUARDED_BY(mutex_);
  // Told without the lock, in order, by one thread at a time.
  std::deque<Telling> to_tell_ ABSL_GUARDED_BY(mutex_);
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace token_service::broker
