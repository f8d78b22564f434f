#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/random/bit_gen_ref.h"
#include "server/base/clock.h"
#include "server/broker/breaker.h"
#include "server/broker/refresh_calendar.h"
#include "server/broker/scheduled_credential.h"

namespace token_service::broker {

using ScheduledCredentialPtr = std::shared_ptr<ScheduledCredential>;

// What the broker makes of a token endpoint.
struct EndpointStatus {
  std::string url;
  bool breaker_open = false;
  size_t queued = 0;  // Refreshes that are due and have not started.
};

// One token endpoint: the credentials that are due there, and how it does. Not synchronised.
struct EndpointQueue {
  explicit EndpointQueue(Breaker::Options options) : breaker(options) {}

  struct Place {
    ScheduledCredentialPtr credential;
    uint64_t ticket;
    bool stale() const { return credential->ticket != ticket; }
  };
  using Places = std::deque<Place>;

  // Drops places at the heads of both queues that are void.
  void DropStale();
  size_t places() const { return wanted.size() + ahead.size(); }
  bool queued() const { return !wanted.empty() || !ahead.empty(); }
  // Why nobody is to wait for it while its breaker is open: what `credential` failed by itself, if
  // it did. Callers are told that during its backoff, and this only prolongs it.
  Refusal BreakerRefusal(const ScheduledCredential& credential, MonotonicTime now) const;
  // The first of them that may start beside what is out, by the `concurrency` of its client_id;
  // end(): none may. Nothing holds back an operator's order.
  Places::iterator FirstFree(Places& places) const;
  // A flight begins, and ends with what it told of the endpoint. True of the latter: that closed
  // the breaker.
  void OnBegun(const ScheduledCredential::Flying& flying);
  bool OnEnded(const ScheduledCredential::Flying& flown, const RefreshResult& result,
               MonotonicTime now, absl::BitGenRef random);

  Breaker breaker;
  RefreshCalendar calendar;
  std::deque<MonotonicTime> begun;  // Each exchange that is out, the oldest first.
  // How many are out of each client_id whose `concurrency` is limited.
  std::map<std::string, int> begun_by_client;
  bool ready = false;  // Has a turn.
  Places wanted;       // Callers wait for these.
  Places ahead;
};

// Every endpoint, and whose turn it is. Not synchronised.
class EndpointQueues {
 public:
  explicit EndpointQueues(Breaker::Options options) : options_(options) {}

  EndpointQueue& Of(const std::string& url);
  // A queued credential takes its place at its endpoint; an operator's order at the head, past what
  // the operator overrides.
  void Push(const ScheduledCredentialPtr& credential);
  // Is one of `free_workers` for this endpoint? The more of them it has, the more must be left for
  // the others (docs/adr/0013-outages.md).
  // One with an exchange that is out since before `overdue` has two at most: one to find out.
  bool MayStart(const EndpointQueue& endpoint, int free_workers, MonotonicTime overdue) const;
  // Those with something queued take turns. EndTurn is true for one that has another.
  size_t waiting() const { return ready_.size(); }
  EndpointQueue& TakeTurn();
  bool EndTurn(EndpointQueue& endpoint);
  // When the next probe may start that has somebody to fly it. One that could start already waits
  // for a worker, not for the clock.
  MonotonicTime NextProbe(MonotonicTime now) const;
  // Somebody waits for an endpoint that works.
  bool AnyWanted() const;
  std::vector<EndpointStatus> List() const;

 private:
  const Breaker::Options options_;
  absl::flat_hash_map<std::string, std::unique_ptr<EndpointQueue>> endpoints_;
  std::deque<EndpointQueue*> ready_;
};

}  // namespace token_service::broker
