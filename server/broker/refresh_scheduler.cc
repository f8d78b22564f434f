#include "server/broker/refresh_scheduler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"
#include "server/broker/endpoint_queues.h"
#include "server/broker/lifetime.h"
#include "server/broker/refresh_effects.h"
#include "server/broker/scheduled_credential.h"

namespace token_service::broker {

using Why = RefreshPlan::Why;

namespace {

// For how long callers are told to wait for an operator.
constexpr absl::Duration kLookAgain = absl::Minutes(1);

}  // namespace

RefreshScheduler::RefreshScheduler(Options options, Refresher& refresher, TokenCache& cache,
                                   Executor& executor, TimerQueue& timers, const Clock& clock)
    : options_(std::move(options)),
      refresher_(refresher),
      cache_(cache),
      executor_(executor),
      timers_(timers),
      clock_(clock),
      endpoints_(std::make_unique<Endpoints>(options_.breaker)),
      per_endpoint_(options_.per_endpoint) {}

RefreshScheduler::~RefreshScheduler() = default;

// ---- what is known

void RefreshScheduler::Add(CredentialSettingsPtr settings, const CredentialRecord& record) {
  const MonotonicTime now = clock_.Now();
  auto entry = std::make_shared<Entry>(std::move(settings));
  RefreshFacts& facts = entry->facts;
  facts.grant = record.grant;
  facts.held = record.held_since.has_value();
  facts.rotates = record.rotates;
  facts.last_refresh = LastRefresh(record, entry->settings->keepalive, clock_);
  if (record.doubt_since.has_value()) facts.doubt_since = DoubtSince(*record.doubt_since, clock_);
  // With other holders about, a live attempt may be theirs: Begin finds out.
  if (record.attempt.has_value() && options_.sole_holder && !facts.doubt_since.has_value()) {
    facts.doubt_since = DoubtSince(record.attempt->begun, clock_);
  }
  if (record.standing_evidence > 0) facts.evidence = StandingEvidence::kUnread;
  // Another configuration or another day: a client once rejected is worth one try.
  if (facts.grant == GrantState::kClientRefused) facts.grant = GrantState::kUsable;
  // Nothing is begun for it, though whoever asks is told: Disable.
  entry->disabled = record.disabled || record.unreadable;
  entry->generation = record.generation;
  entry->create_time = record.create_time;
  entry->last_refresh_time = record.last_refresh_time;
  entry->last_error_reason = record.last_error_reason;
  entry->failures = record.consecutive_failures;

  const std::string& name = entry->settings->name;
  cache_.Add(name);
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    const Endpoint& endpoint = endpoints_->Of(entry->settings->token_endpoint);
    if (record.token.has_value()) {
      facts.token = MakeAccessToken(name, record.generation, *record.token,
                                    entry->settings->min_refresh_interval, clock_);
      facts.refresh_at = endpoint.calendar.Draw(*facts.token, now, random_);
    }
    if (!entries_.emplace(name, entry).second) return;
    if (facts.token != nullptr && !entry->disabled) cache_.Publish(facts.token);
    RestLocked(*entry, now);
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

void RefreshScheduler::Update(CredentialSettingsPtr settings) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    Entry* const entry = FindLocked(settings->name);
    if (entry == nullptr) return;
    entry->settings = std::move(settings);
    // What the provider refused may be what was changed.
    entry->EndClientRejection(clock_.Now());
    if (auto* const running = std::get_if<Entry::Running>(&entry->state)) {
      running->outdated = true;
    } else if (const auto* queued = std::get_if<Entry::Queued>(&entry->state)) {
      // Into the queue of what may be another endpoint; whoever waits for it goes on waiting.
      const bool wanted = queued->wanted;
      WakeLocked(*entry);
      entry->state = Entry::Resting{{MonotonicTime::Never(), Why::kNever}};
      EnqueueLocked(*entry, wanted);
    } else {
      WakeLocked(*entry);
      RestLocked(*entry, clock_.Now());
    }
    AdvanceLocked(effects);
    const Endpoint& endpoint = endpoints_->Of(entry->settings->token_endpoint);
    const auto* queued = std::get_if<Entry::Queued>(&entry->state);
    if (queued != nullptr && queued->wanted && endpoint.breaker.IsOpen() && !entry->forced) {
      effects.settled.emplace_back(entry->settings->name,
                                   endpoint.BreakerRefusal(*entry, clock_.Now()));
    }
  }
  Perform(std::move(effects));
}

void RefreshScheduler::Remove(std::string_view name, absl::AnyInvocable<void()> landed) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(AbslView(name));
    if (found != entries_.end()) RemoveLocked(found->second, landed);
  }
  for (RefreshListener* listener : listeners_) listener->OnRemoved(std::string(name));
  if (landed) landed();
}

// Keeps `landed` if there is a flight to wait for.
void RefreshScheduler::RemoveLocked(EntryPtr entry, absl::AnyInvocable<void()>& landed) {
  entry->removed = true;
  if (entry->running()) {
    entry->landed = std::exchange(landed, nullptr);
  } else {
    WakeLocked(*entry);
    entry->unpersisted.reset();
  }
  cache_.Remove(entry->settings->name);
  entries_.erase(entry->settings->name);
}

void RefreshScheduler::Disable(std::string_view name) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    Entry* const entry = FindLocked(name);
    if (entry == nullptr) return;
    entry->disabled = true;
    entry->forced = false;
    WithdrawLocked(*entry);
    if (!entry->running()) {
      WakeLocked(*entry);
      RestLocked(*entry, clock_.Now());
    }
    effects.settled.emplace_back(entry->settings->name, RefusalLocked(*entry, clock_.Now()));
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

void RefreshScheduler::Enable(CredentialSettingsPtr settings, const CredentialRecord& record) {
  {
    absl::MutexLock lock(&mutex_);
    Entry* const entry = FindLocked(record.name);
    if (entry != nullptr && (entry->running() || entry->unpersisted != nullptr)) {
      // What lands is newer than the record.
      entry->disabled = false;
      entry->settings = std::move(settings);
      if (auto* const running = std::get_if<Entry::Running>(&entry->state)) {
        running->outdated = true;
      }
      return;
    }
  }
  Remove(record.name);
  Add(std::move(settings), record);
}

void RefreshScheduler::OnGrantReplaced(std::string_view name, Hold hold) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    Entry* const entry = FindLocked(name);
    if (entry == nullptr) return;
    entry->ForgetFailures();
    entry->facts.grant = GrantState::kUsable;
    entry->facts.doubt_since.reset();
    if (hold == Hold::kEnds) entry->facts.held = false;
    entry->facts.evidence = StandingEvidence::kNone;
    // A flight under way carries the old refresh token; what it reports is no news of the new one.
    // An answer not stored yet is stored first (as evidence, most likely).
    entry->replaced = entry->running() || entry->unpersisted != nullptr;
    if (!entry->replaced && entry->facts.held) {
      WakeLocked(*entry);
      RestLocked(*entry, clock_.Now());
    } else if (!entry->replaced) {
      EnqueueLocked(*entry, /*wanted=*/true);
    } else if (!entry->running()) {
      WakeLocked(*entry);
      StartPersistLocked(*entry, effects);
    }
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

void RefreshScheduler::OnReleased(std::string_view name) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    Entry* const entry = FindLocked(name);
    if (entry == nullptr || !entry->facts.held) return;
    entry->facts.held = false;
    if (std::holds_alternative<Entry::Resting>(entry->state)) {
      WakeLocked(*entry);
      RestLocked(*entry, clock_.Now());
    }
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

void RefreshScheduler::OnEvidenceChanged(std::string_view name) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [known, entry] : entries_) {
      // Whoever flies has looked, or is about to.
      const bool meant = name.empty() || AbslView(name) == known;
      if (!meant || !entry->held_by_evidence() || entry->running()) continue;
      entry->facts.evidence = StandingEvidence::kUnread;
      WakeLocked(*entry);
      RestLocked(*entry, clock_.Now());
    }
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

std::optional<CredentialStatus> RefreshScheduler::Status(std::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const Entry* const entry = FindLocked(name);
  if (entry == nullptr) return std::nullopt;
  return StatusLocked(*entry, clock_.Now());
}

std::vector<CredentialStatus> RefreshScheduler::List(std::string_view after, size_t most) const {
  std::vector<CredentialStatus> page;
  absl::MutexLock lock(&mutex_);
  const MonotonicTime now = clock_.Now();
  for (auto at = entries_.upper_bound(AbslView(after)); at != entries_.end() && page.size() < most;
       ++at) {
    page.push_back(StatusLocked(*at->second, now));
  }
  return page;
}

std::vector<RefreshScheduler::EndpointStatus> RefreshScheduler::ListEndpoints() const {
  absl::MutexLock lock(&mutex_);
  return endpoints_->List();
}

CredentialStatus RefreshScheduler::StatusLocked(const Entry& entry, MonotonicTime now) const {
  CredentialStatus status = entry.Status();
  const auto* resting = std::get_if<Entry::Resting>(&entry.state);
  if (resting == nullptr) {
    status.next_refresh_time = clock_.WallNow();
  } else if (resting->plan.why != Why::kNever && resting->plan.why != Why::kExpiry) {
    status.next_refresh_time = clock_.WallNow() + (resting->plan.when - now);
  }
  return status;
}

RefreshScheduler::Entry* RefreshScheduler::FindLocked(std::string_view name) const {
  const auto found = entries_.find(AbslView(name));
  return found == entries_.end() ? nullptr : found->second.get();
}

// Forgotten here too: a demand must name the generation that callers see in the cache, which is
// none now.
void RefreshScheduler::WithdrawLocked(Entry& entry) {
  cache_.Withdraw(entry.settings->name);
  entry.facts.token = nullptr;
  entry.facts.rejected = false;
}

void RefreshScheduler::SetPerEndpoint(int most) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    per_endpoint_ = most;
    AdvanceLocked(effects);
  }
  Perform(std::move(effects));
}

// ---- what is wanted

RefreshScheduler::Answer RefreshScheduler::Demand(std::string_view name, Need need,
                                                  uint64_t seen_generation) {
  Effects effects;
  Answer answer = [&] {
    absl::MutexLock lock(&mutex_);
    return DemandLocked(name, need, seen_generation, effects);
  }();
  Perform(std::move(effects));
  return answer;
}

RefreshScheduler::Answer RefreshScheduler::DemandLocked(std::string_view name, Need need,
                                                        uint64_t seen_generation,
                                                        Effects& effects) {
  Entry* const entry = FindLocked(name);
  if (entry == nullptr) return MakeRefusal(Reason::kCredentialNotFound);
  const bool insists = need == Need::kOperatorInsists;
  if (insists) need = Need::kOperator;
  if (seen_generation != entry->visible_generation() && need != Need::kOperator) {
    return Superseded{};
  }
  const MonotonicTime now = clock_.Now();
  RefreshFacts& facts = entry->facts;
  if (need == Need::kRejected && facts.token != nullptr) {
    const absl::Duration age = now - facts.token->issued;
    const absl::Duration least = facts.token->least_age;
    if (age < least && !entry->dead()) {
      // Waiting is no help where no other token is going to come.
      return entry->LatchedRefusal().value_or(MakeRefusal(Reason::kRefreshedRecently, least - age));
    }
    facts.rejected = true;
    if (entry->dead()) WithdrawLocked(*entry);
  }
  if (auto* const running = std::get_if<Entry::Running>(&entry->state)) {
    if (need == Need::kOperator) running->operator_waits = true;
    if (need == Need::kOperator || now < running->patience_end) return Underway{};
    return MakeRefusal(Reason::kProviderUnavailable, options_.patience);
  }
  const bool rejected = !entry->disabled && facts.grant == GrantState::kDead;
  const bool dead = entry->dead() && !(insists && rejected);
  if (dead || facts.held || entry->unpersisted != nullptr) return RefusalLocked(*entry, now);
  if (std::holds_alternative<Entry::Resting>(entry->state) && need != Need::kOperator) {
    facts.last_asked = now;
    const RefreshPlan plan = PlanRefresh(*entry->settings, facts, now);
    // A plan ahead may be brought forward; the end of a backoff or of a hold may not.
    const bool brought_forward =
        need != Need::kSoon && (plan.why == Why::kAhead || plan.why == Why::kKeepalive);
    if (plan.when > now && !brought_forward) {
      WakeLocked(*entry);
      RestLocked(*entry, now);
      ArmLocked(now);
      if (entry->held_elsewhere) return Underway{};
      return RefusalLocked(*entry, now);
    }
  }
  cache_.SetDormant(name, false);
  if (need == Need::kOperator) entry->forced = true;
  if (insists) entry->even_if_rejected = true;
  EnqueueLocked(*entry, need != Need::kSoon);
  AdvanceLocked(effects);
  const Endpoint& endpoint = endpoints_->Of(entry->settings->token_endpoint);
  if (!entry->running() && endpoint.breaker.IsOpen() && !entry->forced) {
    return endpoint.BreakerRefusal(*entry, now);
  }
  return Underway{};
}

Refusal RefreshScheduler::RefusalLocked(const Entry& entry, MonotonicTime now) const {
  if (const std::optional<Refusal> latched = entry.LatchedRefusal(); latched.has_value()) {
    return *latched;
  }
  const auto* resting = std::get_if<Entry::Resting>(&entry.state);
  const MonotonicTime again = resting != nullptr ? resting->plan.when : now;
  const absl::Duration wait = std::max(again - now, absl::Milliseconds(10));
  if (entry.unpersisted != nullptr) return MakeRefusal(Reason::kStoreUnavailable, wait);
  if (entry.facts.evidence != StandingEvidence::kNone) {
    return MakeRefusal(Reason::kAnswerUnreadable,
                       entry.held_by_evidence() ? kLookAgain : std::min(wait, kLookAgain));
  }
  if (resting != nullptr && resting->plan.why == Why::kHold) {
    return MakeRefusal(Reason::kRefreshInDoubt, wait);
  }
  Refusal refusal = MakeRefusal(entry.last_reason.value_or(Reason::kProviderUnavailable), wait);
  // An expired certificate is to be told from a host that is down.
  if (refusal.reason == Reason::kProviderUnavailable && !entry.last_detail.empty()) {
    absl::StrAppend(&refusal.message, ": ", entry.last_detail);
  }
  return refusal;
}

// ---- the end

bool RefreshScheduler::IdleLocked() const {
  return running_ == 0 && unpersisted() == 0 && !endpoints_->AnyWanted();
}

bool RefreshScheduler::Drain(absl::Duration timeout) {
  Effects effects;
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    // Their backoff may have grown longer than `timeout`.
    for (const auto& [name, entry] : entries_) {
      if (entry->unpersisted == nullptr || entry->running()) continue;
      entry->tries = 0;
      WakeLocked(*entry);
      StartPersistLocked(*entry, effects);
    }
  }
  Perform(std::move(effects));
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return IdleLocked(); };
  return mutex_.AwaitWithTimeout(absl::Condition(&idle), timeout);
}

}  // namespace token_service::broker
