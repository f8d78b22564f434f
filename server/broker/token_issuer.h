#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/timer_queue.h"
#include "server/broker/access_token.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/shared_places.h"
#include "server/broker/token_cache.h"

namespace token_service::broker {

struct TokenRequest {
  std::string credential;
  std::optional<absl::Duration> min_validity;  // Not negative.
  uint64_t rejected_generation = 0;
  SharedPlaces::Holder caller = SharedPlaces::kNobody;  // Should it have to wait.
};

using TokenAnswer = std::variant<AccessTokenPtr, Refusal>;

// Answers requests for tokens: from the cache when what is there will do, else by joining the one
// flight for that credential. Nothing here blocks; any thread may call.
class TokenIssuer final : public RefreshListener {
 public:
  struct Options {
    size_t max_waiting = 10000;
    // How long a caller that could do with the live token waits for a fresher one.
    absl::Duration preference_wait = absl::Milliseconds(500);
  };

  // Somebody who waits for an answer.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // Once, on any thread, without locks held; perhaps before Wait returns. The waiter may be
    // deleted within.
    virtual void OnAnswer(TokenAnswer answer) = 0;
    // Whether it may still wait: see ReviewAll. As OnAnswer, and before it.
    virtual bool MayWait() { return true; }
  };

  TokenIssuer(Options options, TokenCache& cache, RefreshScheduler& scheduler, TimerQueue& timers,
              const Clock& clock);

  // An answer that can be given at once from the cache: the hot path, without locks or allocation.
  // Nullopt: Wait.
  std::optional<TokenAnswer> TryGet(const TokenRequest& request);

  // Gets `waiter` its answer. It must stay until OnAnswer is called or Leave returns true.
  void Wait(const TokenRequest& request, Waiter* waiter);

  // As Wait, for an operator who wants a refresh now, whatever holds it back.
  // `even_if_rejected`: RefreshScheduler::Need::kOperatorInsists.
  void Refresh(std::string_view credential, Waiter* waiter, bool even_if_rejected = false);

  // The waiter wants no answer any more; the flight goes on. True: OnAnswer is not and will not be
  // called.
  bool Leave(std::string_view credential, Waiter* waiter);

  // From now on, whoever would have to wait is refused.
  void Shutdown();
  // Refuses all who still wait.
  void RefuseWaiting();

  // Asks each who waits whether it still may, and refuses those who may not.
  void ReviewAll();

  // From now on; whoever waits already goes on waiting.
  void SetMaxWaiting(size_t most);

  size_t waiting() const;

  void OnSettled(const std::string& credential, const std::optional<Refusal>& refusal) override;
  void OnRemoved(const std::string& credential) override;

 private:
  enum class Verdict {
    kServe,
    kPreferFresh,  // It will do, a fresher one is wanted.
    kWake,         // It will do, and nobody keeps it fresh.
    kTooOld,
    kRejected,
    kOutOfRange,
  };
  struct Parked {
    TokenRequest request;
    Waiter* waiter;
    uint64_t ticket;
    bool forced = false;  // An operator's: any outcome of a flight is the answer.
    bool even_if_rejected = false;
    int rounds = 0;  // Flights that landed without being good enough.
  };
  using Group = absl::flat_hash_map<Waiter*, Parked>;

  static Verdict Judge(const TokenCache::Found& found, const TokenRequest& request,
                       MonotonicTime now);
  // Answers, or parks and sees to a flight.
  void Seek(Parked parked);
  // Puts it among the waiting; a refusal when it may not wait.
  std::optional<Refusal> Park(const Parked& parked);
  // The current token, if that will do at all; else null.
  AccessTokenPtr StillDoes(const Parked& parked) const;
  // Answers with that, else with `refusal`.
  void AnswerOr(const Parked& parked, const Refusal& refusal);
  void OnPreferenceTimeout(const std::string& credential, Waiter* waiter, uint64_t ticket);
  std::vector<std::string> AwaitedCredentials() const;
  std::optional<Parked> Take(std::string_view credential, Waiter* waiter, uint64_t ticket);
  std::vector<Parked> TakeAll(std::string_view credential);
  uint64_t NewTicket();

  const Options options_;
  TokenCache& cache_;
  RefreshScheduler& scheduler_;
  TimerQueue& timers_;
  const Clock& clock_;

  mutable absl::Mutex mutex_;
  SharedPlaces places_ ABSL_GUARDED_BY(mutex_);
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, Group> parked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::broker
