#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/random/bit_gen_ref.h"
#include "server/broker/breaker.h"
#include "server/broker/refresh_calendar.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/scheduled_credential.h"

// Inside of RefreshScheduler: the credentials that are due, by token endpoint. Guarded by its
// mutex.

namespace token_service::broker {

struct RefreshScheduler::Endpoint {
  explicit Endpoint(Breaker::Options options) : breaker(options) {}

  struct Place {
    EntryPtr entry;
    uint64_t ticket;
    bool stale() const { return entry->ticket != ticket; }
  };
  using Queue = std::deque<Place>;

  // Drops places at the heads of both queues that are void.
  void DropStale();
  size_t places() const { return wanted.size() + ahead.size(); }
  bool queued() const { return !wanted.empty() || !ahead.empty(); }
  // Why nobody is to wait for it while its breaker is open: what `entry` failed by itself, if it
  // did. Callers are told that during its backoff, and this only prolongs it.
  Refusal BreakerRefusal(const Entry& entry, MonotonicTime now) const;
  // What a flight told of it. `probe`: it was the open breaker's.
  void Learn(const RefreshResult& result, bool probe, MonotonicTime now, absl::BitGenRef random);

  Breaker breaker;
  RefreshCalendar calendar;
  int running = 0;
  std::deque<MonotonicTime> begun;  // Each of these exchanges, the oldest first.
  bool ready = false;               // Has a turn.
  Queue wanted;                     // Callers wait for these.
  Queue ahead;
};

// Every endpoint, and whose turn it is.
class RefreshScheduler::Endpoints {
 public:
  explicit Endpoints(Breaker::Options options) : options_(options) {}

  Endpoint& Of(const std::string& url);
  // Into its endpoint's queue; an operator's goes to the head, past what the operator overrides.
  void Push(const EntryPtr& entry, bool wanted);
  // Is one of `free_workers` for this endpoint? The more of them it has, the more must be left for
  // the others (docs/adr/0013-outages.md).
  // One with an exchange that is out since before `overdue` has two at most: one to find out.
  bool MayStart(const Endpoint& endpoint, int free_workers, MonotonicTime overdue) const {
    if (endpoints_.size() == 1) return true;
    if (endpoint.running >= kMostWhenOverdue && endpoint.begun.front() < overdue) return false;
    return endpoint.running < free_workers;
  }
  // Those with something queued take turns. EndTurn is true for one that has another.
  size_t waiting() const { return ready_.size(); }
  Endpoint& TakeTurn();
  bool EndTurn(Endpoint& endpoint);
  // When the next probe may start that has somebody to fly it. One that could start already waits
  // for a worker, not for the clock.
  MonotonicTime NextProbe(MonotonicTime now) const;
  // Somebody waits for an endpoint that works.
  bool AnyWanted() const;
  std::vector<EndpointStatus> List() const;

 private:
  static constexpr int kMostWhenOverdue = 2;

  const Breaker::Options options_;
  absl::flat_hash_map<std::string, std::unique_ptr<Endpoint>> endpoints_;
  std::deque<Endpoint*> ready_;
};

}  // namespace token_service::broker
