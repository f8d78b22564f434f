// RefreshBook: what it is told and asked. What becomes of what is due is in
// refresh_book_flights.cc.
#include "server/broker/refresh_book.h"

#include <algorithm>
#include <utility>

#include "server/base/absl_view.h"

namespace token_service::broker {

RefreshBook::RefreshBook(const RefreshOptions& options, LastAsked last_asked,
                         absl::BitGenRef random)
    : options_(options),
      last_asked_(std::move(last_asked)),
      random_(random),
      endpoints_(options.breaker),
      per_endpoint_(options.per_endpoint) {}

RefreshActions RefreshBook::Done(MonotonicTime now) {
  Advance(now);
  return Take();
}

// ---- what is known

RefreshActions RefreshBook::OnAdded(CredentialSettingsPtr settings, const CredentialRecord& record,
                                    RefreshFacts facts, MonotonicTime now) {
  Add(std::move(settings), record, std::move(facts), now);
  return Done(now);
}

void RefreshBook::Add(CredentialSettingsPtr settings, const CredentialRecord& record,
                      RefreshFacts facts, MonotonicTime now) {
  const std::string& name = settings->name;
  if (credentials_.contains(name)) return;
  if (facts.token != nullptr) {
    const EndpointQueue& endpoint = endpoints_.Of(settings->token_endpoint);
    facts.refresh_at = endpoint.calendar.Draw(*facts.token, now, random_);
  }
  Do(Serve{name});
  auto credential =
      std::make_shared<ScheduledCredential>(std::move(settings), record, std::move(facts));
  credential->serial = ++last_serial_;
  credentials_.emplace(credential->name(), credential);
  // Of one that is disabled nothing is handed out, though whoever asks is told.
  if (credential->facts.token != nullptr && !credential->disabled) Show(*credential);
  Rest(*credential, now);
}

RefreshActions RefreshBook::OnSettings(CredentialSettingsPtr settings, MonotonicTime now) {
  ScheduledCredential* const credential = Find(settings->name);
  if (credential == nullptr) return {};
  TakeSettings(*credential, std::move(settings), now);
  Advance(now);
  const EndpointQueue& endpoint = endpoints_.Of(credential->settings->token_endpoint);
  const auto* queued = std::get_if<Queued>(&credential->state);
  if (queued != nullptr && queued->wanted && endpoint.breaker.IsOpen() && !credential->forced()) {
    Do(Tell{credential->name(), endpoint.BreakerRefusal(*credential, now)});
  }
  return Take();
}

void RefreshBook::TakeSettings(ScheduledCredential& credential, CredentialSettingsPtr settings,
                               MonotonicTime now) {
  credential.settings = std::move(settings);
  // What the provider refused may be what was changed.
  credential.EndClientRejection(now);
  if (auto* const flying = std::get_if<Flying>(&credential.state)) {
    flying->outdated = true;
  } else if (const auto* queued = std::get_if<Queued>(&credential.state)) {
    // Into the queue of what may be another endpoint; whoever waits for it goes on waiting.
    const Queued as_before = *queued;
    agenda_.Wake(credential);
    credential.state = as_before;
    endpoints_.Push(credential.shared_from_this());
  } else {
    // These may be what it waits for.
    if (credential.elsewhere()) credential.facts.retry_at = now;
    PlanAnew(credential, now);
  }
}

RefreshActions RefreshBook::OnRemoved(std::string_view name, absl::AnyInvocable<void()> landed,
                                      MonotonicTime now) {
  Remove(name, std::move(landed));
  return Done(now);
}

void RefreshBook::Remove(std::string_view name, absl::AnyInvocable<void()> landed) {
  Do(StopServing{std::string(name)});
  Do(TellRemoved{std::string(name)});
  const auto found = credentials_.find(AbslView(name));
  if (found != credentials_.end()) {
    ScheduledCredential& credential = *found->second;
    if (const auto* flying = std::get_if<Flying>(&credential.state)) {
      InTheAir& in_the_air = in_the_air_.at(flying->flight);
      in_the_air.removed = true;
      in_the_air.landed = std::exchange(landed, nullptr);
    } else {
      agenda_.Wake(credential);
    }
    credentials_.erase(found);
  }
  if (landed) Do(CallLanded{std::move(landed)});
}

RefreshActions RefreshBook::OnDisabled(std::string_view name, MonotonicTime now) {
  ScheduledCredential* const credential = Find(name);
  if (credential == nullptr) return {};
  credential->disabled = true;
  Hide(*credential);
  PlanAnew(*credential, now);
  TellRefusal(*credential, now);
  return Done(now);
}

RefreshActions RefreshBook::OnEnabled(CredentialSettingsPtr settings,
                                      const CredentialRecord& record, RefreshFacts facts,
                                      MonotonicTime now) {
  ScheduledCredential* const credential = Find(record.name);
  if (credential != nullptr && (credential->flying() || credential->unsaved())) {
    // What lands is newer than the record.
    credential->disabled = false;
    credential->settings = std::move(settings);
    if (auto* const flying = std::get_if<Flying>(&credential->state)) flying->outdated = true;
    return {};
  }
  Remove(record.name, nullptr);
  Add(std::move(settings), record, std::move(facts), now);
  return Done(now);
}

RefreshActions RefreshBook::OnGrantReplaced(std::string_view name, Hold hold, MonotonicTime now) {
  ScheduledCredential* const credential = Find(name);
  if (credential == nullptr) return {};
  credential->ForgetFailures();
  credential->times = {};  // Of the refresh token before.
  RefreshFacts& facts = credential->facts;
  facts.grant = GrantState::kUsable;
  facts.doubt_since.reset();
  if (hold == Hold::kEnds) facts.held = false;
  facts.evidence = StandingEvidence::kNone;
  if (auto* const flying = std::get_if<Flying>(&credential->state)) {
    flying->replaced = true;
  } else if (auto* const unsaved = std::get_if<Unsaved>(&credential->state)) {
    // The answer is stored first (as evidence, most likely).
    unsaved->replaced = true;
    StartPersisting(*credential);
  } else if (credential->latched()) {
    PlanAnew(*credential, now);
  } else {
    Enqueue(*credential, /*wanted=*/true);
  }
  return Done(now);
}

RefreshActions RefreshBook::OnReleased(std::string_view name, MonotonicTime now) {
  ScheduledCredential* const credential = Find(name);
  if (credential == nullptr || !credential->facts.held) return {};
  credential->facts.held = false;
  PlanAnew(*credential, now);
  return Done(now);
}

RefreshActions RefreshBook::OnEvidenceChanged(std::string_view name, MonotonicTime now) {
  for (const auto& [known, credential] : credentials_) {
    // Whoever flies has looked, or is about to.
    const bool meant = name.empty() || AbslView(name) == known;
    if (!meant || !credential->held_by_evidence() || credential->flying()) continue;
    credential->facts.evidence = StandingEvidence::kUnread;
    PlanAnew(*credential, now);
  }
  return Done(now);
}

RefreshActions RefreshBook::OnPerEndpoint(int most, MonotonicTime now) {
  per_endpoint_ = most;
  return Done(now);
}

RefreshActions RefreshBook::OnDraining(MonotonicTime now) {
  draining_ = true;
  // Their backoff may have grown longer than there is time.
  for (const auto& [name, credential] : credentials_) {
    if (!std::holds_alternative<Unsaved>(credential->state)) continue;
    credential->tries = 0;
    StartPersisting(*credential);
  }
  return Done(now);
}

bool RefreshBook::Idle() const { return in_the_air_.empty() && !endpoints_.AnyWanted(); }

ScheduledCredential* RefreshBook::Find(std::string_view name) const {
  const auto found = credentials_.find(AbslView(name));
  return found == credentials_.end() ? nullptr : found->second.get();
}

bool RefreshBook::IsWanted(FlightId flight) const {
  const auto found = in_the_air_.find(flight);
  return found != in_the_air_.end() && !found->second.removed;
}

bool RefreshBook::IsPast(const Tell& tell) const {
  if (!tell.refusal.has_value() || tell.refusal->retry_after.has_value()) return false;
  const ScheduledCredential* const credential = Find(tell.name);
  if (credential == nullptr) return true;  // It was removed, and everybody is told that.
  const std::optional<Refusal> now = credential->LatchedRefusal();
  return !now.has_value() || now->reason != tell.refusal->reason;
}

std::optional<CredentialStatus> RefreshBook::Status(std::string_view name, MonotonicTime now,
                                                    absl::Time wall) const {
  const ScheduledCredential* const credential = Find(name);
  if (credential == nullptr) return std::nullopt;
  return credential->Status(now, wall);
}

std::vector<CredentialStatus> RefreshBook::List(std::string_view after, size_t most,
                                                MonotonicTime now, absl::Time wall) const {
  std::vector<CredentialStatus> page;
  for (auto at = credentials_.upper_bound(AbslView(after));
       at != credentials_.end() && page.size() < most; ++at) {
    page.push_back(at->second->Status(now, wall));
  }
  return page;
}

// ---- what is wanted

RefreshBook::Demanded RefreshBook::OnDemand(std::string_view name, Need need,
                                            uint64_t seen_generation, MonotonicTime now) {
  Answer answer = Demand(name, need, seen_generation, now);
  return {std::move(answer), Take()};
}

RefreshBook::Answer RefreshBook::Demand(std::string_view name, Need need, uint64_t seen_generation,
                                        MonotonicTime now) {
  ScheduledCredential* const credential = Find(name);
  if (credential == nullptr) return MakeRefusal(Reason::kCredentialNotFound);
  Insistence insistence = Insistence::kNone;
  if (need == Need::kOperator) insistence = Insistence::kRefresh;
  if (need == Need::kOperatorInsists) insistence = Insistence::kEvenIfRejected;
  const bool forced = insistence != Insistence::kNone;
  if (seen_generation != credential->visible_generation() && !forced) return Superseded{};
  RefreshFacts& facts = credential->facts;
  if (need == Need::kRejected && facts.token != nullptr) {
    const absl::Duration age = now - facts.token->issued;
    const absl::Duration least = facts.token->least_age;
    if (age < least && !credential->dead()) {
      // Waiting is no help where no other token is going to come.
      return credential->LatchedRefusal().value_or(
          MakeRefusal(Reason::kRefreshedRecently, least - age));
    }
    facts.rejected = true;
    if (credential->dead()) Hide(*credential);
  }
  if (auto* const flying = std::get_if<Flying>(&credential->state)) {
    if (forced) flying->operator_waits = true;
    if (forced || now < flying->patience_end) return Underway{};
    return MakeRefusal(Reason::kProviderUnavailable, options_.patience);
  }
  const bool rejected = !credential->disabled && facts.grant == GrantState::kDead;
  const bool overridden = insistence == Insistence::kEvenIfRejected && rejected;
  const bool dead = credential->dead() && !overridden;
  if (dead || facts.held || credential->unsaved()) return credential->RefusalAt(now);
  if (std::holds_alternative<Resting>(credential->state) && !forced) {
    facts.last_asked = now;
    const RefreshPlan plan = PlanRefresh(*credential->settings, facts, now);
    // A plan ahead may be brought forward; the end of a backoff or of a hold may not.
    const bool brought_forward =
        need != Need::kSoon && (plan.why == Why::kAhead || plan.why == Why::kKeepalive);
    if (plan.when > now && !brought_forward) {
      PlanAnew(*credential, now);
      Arm(now);
      if (credential->elsewhere()) return Underway{};
      return credential->RefusalAt(now);
    }
  }
  SetDormantTo(*credential, false);
  Enqueue(*credential, need != Need::kSoon, insistence);
  Advance(now);
  const EndpointQueue& endpoint = endpoints_.Of(credential->settings->token_endpoint);
  if (!credential->flying() && endpoint.breaker.IsOpen() && !credential->forced()) {
    return endpoint.BreakerRefusal(*credential, now);
  }
  return Underway{};
}

}  // namespace token_service::broker
