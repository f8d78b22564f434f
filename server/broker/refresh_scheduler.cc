#include "server/broker/refresh_scheduler.h"

#include <utility>
#include <variant>

#include "server/broker/crash_point.h"
#include "server/broker/recalled_facts.h"

namespace token_service::broker {

RefreshScheduler::RefreshScheduler(const Options& options, Refresher& refresher, TokenCache& cache,
                                   Executor& executor, TimerQueue& timers, const Clock& clock)
    : refresher_(refresher),
      cache_(cache),
      executor_(executor),
      timers_(timers),
      clock_(clock),
      book_(
          options, [&cache](std::string_view name) { return cache.LastAsked(name); }, random_) {}

// ---- what happens

void RefreshScheduler::Add(CredentialSettingsPtr settings, const CredentialRecord& record) {
  RefreshFacts facts = FactsOf(*settings, record);
  On([&](RefreshBook& book, MonotonicTime now) {
    return book.OnAdded(std::move(settings), record, std::move(facts), now);
  });
}

void RefreshScheduler::OnStored(CredentialSettingsPtr settings, const CredentialRecord& record) {
  const RefreshFacts facts = FactsOf(*settings, record);
  On([&](RefreshBook& book, MonotonicTime now) {
    return book.OnStored(std::move(settings), record, facts, now, clock_.WallNow());
  });
}

void RefreshScheduler::OnDeleted(const DeletedCredential& deleted) {
  On([&](RefreshBook& book, MonotonicTime now) { return book.OnDeleted(deleted, now); });
}

void RefreshScheduler::Update(CredentialSettingsPtr settings) {
  On([&](RefreshBook& book, MonotonicTime now) {
    return book.OnSettings(std::move(settings), now);
  });
}

void RefreshScheduler::Remove(std::string_view name, absl::AnyInvocable<void()> landed) {
  On([&](RefreshBook& book, MonotonicTime now) {
    return book.OnRemoved(name, std::move(landed), now);
  });
}

void RefreshScheduler::Disable(std::string_view name) {
  On([&](RefreshBook& book, MonotonicTime now) { return book.OnDisabled(name, now); });
}

void RefreshScheduler::Enable(CredentialSettingsPtr settings, const CredentialRecord& record) {
  RefreshFacts facts = FactsOf(*settings, record);
  On([&](RefreshBook& book, MonotonicTime now) {
    return book.OnEnabled(std::move(settings), record, std::move(facts), now);
  });
}

void RefreshScheduler::OnEvidenceChanged(std::string_view name) {
  On([&](RefreshBook& book, MonotonicTime now) { return book.OnEvidenceChanged(name, now); });
}

void RefreshScheduler::OnGrantReplaced(std::string_view name, Hold hold) {
  On([&](RefreshBook& book, MonotonicTime now) { return book.OnGrantReplaced(name, hold, now); });
}

void RefreshScheduler::OnReleased(std::string_view name) {
  On([&](RefreshBook& book, MonotonicTime now) { return book.OnReleased(name, now); });
}

void RefreshScheduler::SetPerEndpoint(int most) {
  On([&](RefreshBook& book, MonotonicTime now) { return book.OnPerEndpoint(most, now); });
}

RefreshScheduler::Answer RefreshScheduler::Demand(std::string_view name, Need need,
                                                  uint64_t seen_generation) {
  Answer answer;
  On([&](RefreshBook& book, MonotonicTime now) {
    RefreshBook::Demanded demanded = book.OnDemand(name, need, seen_generation, now);
    answer = std::move(demanded.answer);
    return std::move(demanded.actions);
  });
  return answer;
}

RefreshFacts RefreshScheduler::FactsOf(const CredentialSettings& settings,
                                       const CredentialRecord& record) const {
  return RecallFacts(settings, record, refresher_.shares_store(), clock_);
}

// ---- what is asked

std::optional<CredentialStatus> RefreshScheduler::Status(std::string_view name) const {
  absl::MutexLock lock(&mutex_);
  return book_.Status(name, clock_.Now(), clock_.WallNow());
}

std::vector<CredentialStatus> RefreshScheduler::List(std::string_view after, size_t most) const {
  absl::MutexLock lock(&mutex_);
  return book_.List(after, most, clock_.Now(), clock_.WallNow());
}

std::vector<EndpointStatus> RefreshScheduler::ListEndpoints() const {
  absl::MutexLock lock(&mutex_);
  return book_.ListEndpoints();
}

bool RefreshScheduler::IdleLocked() const {
  return book_.Idle() && unpersisted() == 0 && !telling_;
}

bool RefreshScheduler::Drain(absl::Duration timeout) {
  On([](RefreshBook& book, MonotonicTime now) { return book.OnDraining(now); });
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return IdleLocked(); };
  return mutex_.AwaitWithTimeout(absl::Condition(&idle), timeout);
}

// ---- what is done

void RefreshScheduler::On(Event event) {
  RefreshActions actions;
  bool tells = false;
  {
    absl::MutexLock lock(&mutex_);
    actions = event(book_, clock_.Now());
    for (RefreshAction& action : actions) {
      std::visit([this](auto& its) { Do(its); }, action);
    }
    tells = !telling_ && !to_tell_.empty();
    telling_ = telling_ || tells;
  }
  Start(std::move(actions));
  if (tells) TellEverybody();
}

// An executor may run them at once.
void RefreshScheduler::Start(RefreshActions actions) {
  for (RefreshAction& action : actions) {
    // Not behind exchanges that may hang, and not to be dropped with them at the end.
    if (auto* persist = std::get_if<StartPersist>(&action)) {
      executor_.RunFirst([this, order = std::move(*persist)]() mutable { Persist(order); });
    }
  }
  for (RefreshAction& action : actions) {
    if (auto* flight = std::get_if<StartFlight>(&action)) {
      executor_.Run([this, order = std::move(*flight)] { Fly(order); });
    }
  }
}

void RefreshScheduler::Do(const Serve& action) { cache_.Add(action.name); }
void RefreshScheduler::Do(const StopServing& action) { cache_.Remove(action.name); }
void RefreshScheduler::Do(Publish& action) { cache_.Publish(std::move(action.token)); }
void RefreshScheduler::Do(const Withdraw& action) { cache_.Withdraw(action.name); }
void RefreshScheduler::Do(const SetDormant& action) {
  cache_.SetDormant(action.name, action.dormant);
}

void RefreshScheduler::Do(const ArmTimer& action) {
  mutex_.AssertHeld();
  if (timer_.has_value()) timers_.Cancel(*timer_);
  timer_ = timers_.At(action.when, [this] {
    On([](RefreshBook& book, MonotonicTime now) { return book.OnTimer(now); });
  });
}

void RefreshScheduler::Do(const ArmPatience& action) {
  timers_.At(action.when, [this, flight = action.flight] {
    On([&](RefreshBook& book, MonotonicTime) { return book.OnPatienceEnd(flight); });
  });
}

void RefreshScheduler::Do(Telling& action) {
  mutex_.AssertHeld();
  to_tell_.push_back(std::move(action));
}

// ---- what others are told

void RefreshScheduler::TellEverybody() {
  while (std::optional<Telling> next = TakeNext()) {
    if (const auto* tell = std::get_if<Tell>(&*next)) {
      for (RefreshListener* listener : listeners_) {
        if (!IsPast(*tell)) listener->OnSettled(tell->name, tell->refusal);
      }
    } else if (const auto* removed = std::get_if<TellRemoved>(&*next)) {
      for (RefreshListener* listener : listeners_) listener->OnRemoved(removed->name);
    } else {
      std::get<CallLanded>(*next).landed();
    }
  }
}

std::optional<Telling> RefreshScheduler::TakeNext() {
  absl::MutexLock lock(&mutex_);
  telling_ = !to_tell_.empty();
  if (!telling_) return std::nullopt;
  Telling next = std::move(to_tell_.front());
  to_tell_.pop_front();
  return next;
}

bool RefreshScheduler::IsPast(const Tell& tell) const {
  absl::MutexLock lock(&mutex_);
  return book_.IsPast(tell);
}

// ---- flights

void RefreshScheduler::Fly(const StartFlight& order) {
  const bool wanted = [&] {
    absl::MutexLock lock(&mutex_);
    return book_.IsWanted(order.flight);
  }();
  // Its name may belong to another credential by now.
  Land(order.flight, order.settings->name,
       wanted ? refresher_.Refresh(*order.settings, order.order)
              : RefreshResult{.outcome = CredentialGone{}});
}

void RefreshScheduler::Persist(StartPersist& order) {
  Land(order.flight, order.name, refresher_.Persist(std::move(order.answer)));
}

void RefreshScheduler::Land(FlightId flight, [[maybe_unused]] const std::string& name,
                            RefreshResult result) {
  On([&](RefreshBook& book, MonotonicTime now) {
    return book.OnLanded(flight, std::move(result), now, clock_.WallNow());
  });
  TS_CRASH_POINT("landed", name, 0);
}

}  // namespace token_service::broker
