// RefreshScheduler's flights: what is due is queued at its endpoint, starts in its turn, and lands.
// What is known and wanted is in refresh_scheduler.cc.
#include <algorithm>
#include <utility>

#include "server/broker/crash_point.h"
#include "server/broker/endpoint_queues.h"
#include "server/broker/refresh_effects.h"
#include "server/broker/refresh_scheduler.h"
#include "server/broker/scheduled_credential.h"

namespace token_service::broker {

using Why = RefreshPlan::Why;

// ---- resting, queueing, starting

RefreshPlan RefreshScheduler::PlanLocked(Entry& entry, MonotonicTime now) {
  if (entry.unpersisted != nullptr) return {entry.facts.retry_at.value_or(now), Why::kRetry};
  if (entry.disabled || entry.gone) return {MonotonicTime::Never(), Why::kNever};
  if (entry.held_elsewhere) return {entry.facts.retry_at.value_or(now), Why::kRetry};
  if (const auto asked = cache_.LastAsked(entry.settings->name); asked.has_value()) {
    entry.facts.last_asked = std::max(asked, entry.facts.last_asked);
  }
  return PlanRefresh(*entry.settings, entry.facts, now);
}

void RefreshScheduler::RestLocked(Entry& entry, MonotonicTime now) {
  const RefreshPlan plan = PlanLocked(entry, now);
  Entry::Resting resting{plan};
  if (plan.why == Why::kAhead) {
    resting.calendar = &endpoints_->Of(entry.settings->token_endpoint).calendar;
    resting.slot = resting.calendar->Enter(plan.when, entry.facts.token->lifetime);
  }
  entry.state = resting;
  if (plan.why != Why::kNever) due_.emplace(plan.when.since_origin(), &entry);
  cache_.SetDormant(entry.settings->name, plan.why == Why::kKeepalive);
}

void RefreshScheduler::WakeLocked(Entry& entry) {
  if (auto* resting = std::get_if<Entry::Resting>(&entry.state)) {
    due_.erase({resting->plan.when.since_origin(), &entry});
    RefreshCalendar* const calendar = std::exchange(resting->calendar, nullptr);
    if (calendar != nullptr) calendar->Leave(resting->slot);
  }
  ++entry.ticket;  // Whatever place it had in a queue is void.
}

void RefreshScheduler::EnqueueLocked(Entry& entry, bool wanted) {
  if (const auto* queued = std::get_if<Entry::Queued>(&entry.state)) {
    if ((queued->wanted || !wanted) && !entry.forced) return;
  }
  WakeLocked(entry);
  entry.state = Entry::Queued{.wanted = wanted};
  endpoints_->Push(entry.shared_from_this(), wanted);
}

// Brings everything up to now.
void RefreshScheduler::AdvanceLocked(Effects& effects) {
  const MonotonicTime now = clock_.Now();
  while (!due_.empty() && due_.begin()->first <= now.since_origin()) {
    Entry& entry = *due_.begin()->second;
    WakeLocked(entry);
    if (entry.unpersisted != nullptr) {
      StartPersistLocked(entry, effects);
    } else if (entry.latched() || entry.held_by_evidence()) {
      RestLocked(entry, now);
      effects.settled.emplace_back(entry.settings->name, RefusalLocked(entry, now));
    } else if (draining_ && PlanLocked(entry, now).why == Why::kReplay) {
      // After a restart the replay window may be over: this is the grant's best chance.
      EnqueueLocked(entry, /*wanted=*/true);
    } else if (draining_) {
      entry.state = Entry::Resting{{MonotonicTime::Never(), Why::kNever}};
    } else if (entry.held_elsewhere || PlanLocked(entry, now).when <= now) {
      EnqueueLocked(entry, /*wanted=*/false);
    } else {
      RestLocked(entry, now);
    }
  }
  // Callers' needs first, at every endpoint.
  DispatchLocked(/*wanted=*/true, now, effects);
  if (!draining_) DispatchLocked(/*wanted=*/false, now, effects);
  ArmLocked(now);
}

// One flight an endpoint and turn, until a whole round has started none.
void RefreshScheduler::DispatchLocked(bool wanted, MonotonicTime now, Effects& effects) {
  size_t without_progress = 0;
  while (without_progress < endpoints_->waiting()) {
    Endpoint& endpoint = endpoints_->TakeTurn();
    const bool started = StartOneLocked(endpoint, wanted, now, effects);
    const bool stays = endpoints_->EndTurn(endpoint);
    without_progress = started || !stays ? 0 : without_progress + 1;
  }
}

bool RefreshScheduler::StartOneLocked(Endpoint& endpoint, bool wanted, MonotonicTime now,
                                      Effects& effects) {
  Endpoint::Queue& queue = wanted ? endpoint.wanted : endpoint.ahead;
  if (queue.empty() || running_ >= options_.workers) return false;
  const EntryPtr entry = queue.front().entry;
  bool probe = false;
  if (!entry->forced) {
    if (endpoint.running >= per_endpoint_) return false;
    const MonotonicTime overdue = now - options_.overdue;
    if (!endpoints_->MayStart(endpoint, options_.workers - running_, overdue)) return false;
    // It may have waited here past the end of its replay window. (Without rotation doubt holds
    // nothing back, and a plan ahead may have been brought forward.)
    if (!entry->held_elsewhere && entry->ReplayHeldBack(now)) {
      queue.pop_front();
      WakeLocked(*entry);
      RestLocked(*entry, now);
      effects.settled.emplace_back(entry->settings->name, RefusalLocked(*entry, now));
      return true;
    }
    if (!endpoint.breaker.Allow(now)) return false;
    probe = endpoint.breaker.probing();
  }
  queue.pop_front();
  ++running_;
  ++endpoint.running;
  endpoint.begun.push_back(now);
  // While it waited for another replica its replay window may have ended.
  const bool weighed = entry->facts.doubt_since.has_value() && !entry->ReplayHeldBack(now);
  Refresher::Order order{.generation = entry->generation,
                         .take_over = entry->forced,
                         .doubt_weighed = entry->forced || weighed,
                         .rotates = entry->facts.rotates,
                         .even_if_rejected = entry->even_if_rejected};
  if (!entry->forced && weighed) {
    order.send_before = ReplayDeadline(*entry->settings, entry->facts, now);
  }
  ++entry->flights;
  Entry::Running running{.endpoint = &endpoint, .probe = probe, .begun = now};
  running.operator_waits = entry->forced;
  if (entry->suspect()) {
    running.patience_end = now + options_.patience;
    timers_.At(running.patience_end,
               [this, entry, flight = entry->flights] { OnPatienceEnd(entry, flight); });
  }
  entry->state = running;
  entry->forced = false;
  entry->even_if_rejected = false;
  entry->held_elsewhere = false;
  entry->facts.replayed = entry->facts.doubt_since.has_value();
  effects.flights.push_back(
      [this, entry, settings = entry->settings, order] { Fly(entry, settings, order); });
  return true;
}

void RefreshScheduler::StartPersistLocked(Entry& entry, Effects& effects) {
  ++running_;
  entry.state = Entry::Running{.endpoint = nullptr};
  effects.persists.push_back(
      [this, entry = entry.shared_from_this(), pending = std::move(*entry.unpersisted)]() mutable {
        Persist(entry, std::move(pending));
      });
  // Its place; Land puts it back or clears it.
  entry.unpersisted = std::make_unique<Unpersisted>();
}

void RefreshScheduler::ArmLocked(MonotonicTime now) {
  MonotonicTime next = endpoints_->NextProbe(now);
  if (!due_.empty()) next = std::min(next, MonotonicTime(due_.begin()->first));
  if (next == MonotonicTime::Never() || (timer_.has_value() && timer_at_ <= next)) return;
  if (timer_.has_value()) timers_.Cancel(*timer_);
  timer_at_ = next;
  timer_ = timers_.At(next, [this] { OnTimer(); });
}

void RefreshScheduler::OnTimer() {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    timer_.reset();
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

void RefreshScheduler::OnPatienceEnd(const EntryPtr& entry, uint64_t flight) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    const auto* running = std::get_if<Entry::Running>(&entry->state);
    const bool still_out = running != nullptr && entry->flights == flight && !entry->removed;
    if (!still_out || running->operator_waits) return;
    effects.settled.emplace_back(entry->settings->name,
                                 MakeRefusal(Reason::kProviderUnavailable, options_.patience));
  }
  Perform(std::move(effects));
}

void RefreshScheduler::Perform(Effects effects) {
  // Not behind exchanges that may hang, and not to be dropped with them at the end.
  for (absl::AnyInvocable<void()>& persist : effects.persists) {
    executor_.RunFirst(std::move(persist));
  }
  for (absl::AnyInvocable<void()>& flight : effects.flights) executor_.Run(std::move(flight));
  for (const auto& [name, refusal] : effects.settled) {
    for (RefreshListener* listener : listeners_) {
      if (!IsPast(name, refusal)) listener->OnSettled(name, refusal);
    }
  }
  if (effects.landed) effects.landed();
}

// Between the lock and its performance an operator may have ended what a refusal says: whoever is
// told all the same gives up for good, though what comes next is for them.
bool RefreshScheduler::IsPast(const std::string& name,
                              const std::optional<Refusal>& refusal) const {
  if (!refusal.has_value() || refusal->retry_after.has_value()) return false;
  absl::MutexLock lock(&mutex_);
  const Entry* const entry = FindLocked(name);
  if (entry == nullptr) return true;  // OnRemoved tells.
  const std::optional<Refusal> now = entry->LatchedRefusal();
  return !now.has_value() || now->reason != refusal->reason;
}

// ---- flying and landing

void RefreshScheduler::Fly(const EntryPtr& entry, CredentialSettingsPtr settings,
                           Refresher::Order order) {
  // Its name may belong to another credential by now.
  const bool removed = [&] {
    absl::MutexLock lock(&mutex_);
    return entry->removed;
  }();
  if (removed) {
    return Land(entry, {.outcome = CredentialGone{}});
  }
  Land(entry, refresher_.Refresh(*settings, order));
}

void RefreshScheduler::Persist(const EntryPtr& entry, Unpersisted pending) {
  Land(entry, refresher_.Persist(std::move(pending)));
}

void RefreshScheduler::Land(const EntryPtr& entry, RefreshResult result) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    const MonotonicTime now = clock_.Now();
    --running_;
    const Entry::Running running = std::get<Entry::Running>(entry->state);
    if (running.endpoint != nullptr) {
      Endpoint& endpoint = *running.endpoint;
      --endpoint.running;
      endpoint.begun.erase(std::find(endpoint.begun.begin(), endpoint.begun.end(), running.begun));
      const bool was_open = endpoint.breaker.IsOpen();
      endpoint.Learn(result, running.probe, now, random_);
      if (was_open && !endpoint.breaker.IsOpen()) RetryAfterOutageLocked(endpoint, now);
      if (endpoint.breaker.IsOpen()) RefuseWantedLocked(endpoint, now, effects);
    }
    entry->state = Entry::Resting{{MonotonicTime::Never(), Why::kNever}};
    if (entry->removed) {
      effects.landed = std::move(entry->landed);
    } else {
      const Endpoint& endpoint = endpoints_->Of(entry->settings->token_endpoint);
      const AccessTokenPtr published = entry->facts.token;
      const bool withdraw = entry->Apply(result, {.options = options_,
                                                  .now = now,
                                                  .wall = clock_.WallNow(),
                                                  .calendar = endpoint.calendar,
                                                  .random = random_});
      if (withdraw || entry->disabled) {
        WithdrawLocked(*entry);
      } else if (entry->facts.token != published) {
        // Under the lock: who has seen the token and asks for another does not join its flight.
        cache_.Publish(entry->facts.token);
        TS_CRASH_POINT("after-publish", entry->settings->name, entry->generation);
      }
      if (running.outdated) entry->EndClientRejection(now);
      if (entry->disabled) {
        RestLocked(*entry, now);
        effects.settled.emplace_back(entry->settings->name, RefusalLocked(*entry, now));
      } else if (entry->replaced && entry->unpersisted == nullptr && !entry->facts.held) {
        entry->replaced = false;
        EnqueueLocked(*entry, /*wanted=*/true);
      } else {
        RestLocked(*entry, now);
        const RefreshPlan& plan = std::get<Entry::Resting>(entry->state).plan;
        const bool without_token =
            result.failed() || (entry->unpersisted != nullptr && entry->facts.token == nullptr);
        // Callers wait on through a replay that starts at once, and while another replica is at it.
        if (!without_token && !entry->held_elsewhere) {
          effects.settled.emplace_back(entry->settings->name, std::nullopt);
        } else if (without_token && plan.when > now) {
          effects.settled.emplace_back(entry->settings->name, RefusalLocked(*entry, now));
        }
      }
    }
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

// Nobody is to wait for a provider that is known to be down.
void RefreshScheduler::RefuseWantedLocked(const Endpoint& endpoint, MonotonicTime now,
                                          Effects& effects) {
  for (const Endpoint::Place& place : endpoint.wanted) {
    if (place.stale()) continue;
    effects.settled.emplace_back(place.entry->settings->name,
                                 endpoint.BreakerRefusal(*place.entry, now));
  }
}

// Nor is anybody to sit out a backoff of up to two minutes after it has come back.
void RefreshScheduler::RetryAfterOutageLocked(const Endpoint& endpoint, MonotonicTime now) {
  for (const auto& [name, entry] : entries_) {
    const auto* resting = std::get_if<Entry::Resting>(&entry->state);
    if (resting == nullptr || resting->plan.why != Why::kRetry || !entry->suspect()) continue;
    if (&endpoints_->Of(entry->settings->token_endpoint) != &endpoint) continue;
    entry->facts.retry_at = std::max(now, entry->facts.not_before);
    WakeLocked(*entry);
    RestLocked(*entry, now);
  }
}

}  // namespace token_service::broker
