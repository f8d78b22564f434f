// RefreshBook: what is due is queued at its endpoint, starts in its turn, and lands.
#include <algorithm>
#include <utility>

#include "server/broker/refresh_book.h"

namespace token_service::broker {

// ---- resting

RefreshPlan RefreshBook::PlanOf(ScheduledCredential& credential, MonotonicTime now,
                                bool elsewhere) const {
  if (credential.disabled) return {MonotonicTime::Never(), Why::kNever};
  RefreshFacts& facts = credential.facts;
  if (elsewhere && !credential.stopped()) return {facts.retry_at.value_or(now), Why::kRetry};
  if (const auto asked = last_asked_(credential.name()); asked.has_value()) {
    facts.last_asked = std::max(asked, facts.last_asked);
  }
  return PlanRefresh(*credential.settings, facts, now);
}

void RefreshBook::Rest(ScheduledCredential& credential, MonotonicTime now, bool elsewhere) {
  Resting resting{.plan = PlanOf(credential, now, elsewhere), .elsewhere = elsewhere};
  if (resting.plan.why == Why::kAhead) {
    resting.calendar = &endpoints_.Of(credential.settings->token_endpoint).calendar;
    resting.slot = resting.calendar->Enter(resting.plan.when, credential.facts.token->lifetime);
  }
  credential.state = resting;
  agenda_.Enter(credential);
  SetDormantTo(credential, resting.plan.why == Why::kKeepalive);
}

void RefreshBook::PlanAnew(ScheduledCredential& credential, MonotonicTime now) {
  if (credential.flying() || credential.unsaved()) return;
  const bool elsewhere = credential.elsewhere();
  agenda_.Wake(credential);
  Rest(credential, now, elsewhere);
}

// ---- what callers see

void RefreshBook::SetDormantTo(ScheduledCredential& credential, bool dormant) {
  if (std::exchange(credential.dormant, dormant) == dormant) return;
  Do(SetDormant{credential.name(), dormant});
}

void RefreshBook::Show(ScheduledCredential& credential) {
  credential.dormant = false;  // Publishing ends it.
  Do(Publish{credential.facts.token});
}

// Forgotten here too: a demand must name the generation that callers see, which is none now.
void RefreshBook::Hide(ScheduledCredential& credential) {
  credential.facts.token = nullptr;
  credential.facts.rejected = false;
  Do(Withdraw{credential.name()});
}

void RefreshBook::TellRefusal(const ScheduledCredential& credential, MonotonicTime now) {
  Do(Tell{credential.name(), credential.RefusalAt(now)});
}

// ---- queueing, starting

void RefreshBook::Enqueue(ScheduledCredential& credential, bool wanted, Insistence insistence) {
  Queued next{.wanted = wanted, .insistence = insistence, .elsewhere = credential.elsewhere()};
  if (const auto* queued = std::get_if<Queued>(&credential.state)) {
    if ((queued->wanted || !wanted) && insistence <= queued->insistence) return;
    next.wanted = wanted || queued->wanted;
    next.insistence = std::max(insistence, queued->insistence);
  }
  agenda_.Wake(credential);
  credential.state = next;
  endpoints_.Push(credential.shared_from_this());
}

void RefreshBook::Advance(MonotonicTime now) {
  while (ScheduledCredential* const credential = agenda_.Due(now)) AdvanceOne(*credential, now);
  // Callers' needs first, at every endpoint.
  Dispatch(/*wanted=*/true, now);
  if (!draining_) Dispatch(/*wanted=*/false, now);
  Arm(now);
}

void RefreshBook::AdvanceOne(ScheduledCredential& credential, MonotonicTime now) {
  if (credential.unsaved()) return StartPersisting(credential);
  const bool elsewhere = credential.elsewhere();
  agenda_.Wake(credential);
  if (credential.stopped()) {
    Rest(credential, now, elsewhere);
    return TellRefusal(credential, now);
  }
  const RefreshPlan plan = PlanOf(credential, now, elsewhere);
  if (draining_ && plan.why == Why::kReplay) {
    // After a restart the replay window may be over: this is the grant's best chance.
    Enqueue(credential, /*wanted=*/true);
  } else if (draining_) {
    credential.state = Resting{};
  } else if (elsewhere || plan.when <= now) {
    Enqueue(credential, /*wanted=*/false);
  } else {
    Rest(credential, now);
  }
}

// One flight an endpoint and turn, until a whole round has started none.
void RefreshBook::Dispatch(bool wanted, MonotonicTime now) {
  size_t without_progress = 0;
  while (without_progress < endpoints_.waiting()) {
    EndpointQueue& endpoint = endpoints_.TakeTurn();
    const bool started = StartOne(endpoint, wanted, now);
    const bool stays = endpoints_.EndTurn(endpoint);
    without_progress = started || !stays ? 0 : without_progress + 1;
  }
}

bool RefreshBook::StartOne(EndpointQueue& endpoint, bool wanted, MonotonicTime now) {
  EndpointQueue::Places& places = wanted ? endpoint.wanted : endpoint.ahead;
  if (places.empty() || flying() >= options_.workers) return false;
  const auto place = endpoint.FirstFree(places);
  if (place == places.end()) return false;
  const ScheduledCredentialPtr credential = place->credential;
  const Queued queued = std::get<Queued>(credential->state);
  const bool forced = queued.insistence != Insistence::kNone;
  bool probe = false;
  if (!forced) {
    if (endpoint.begun.size() >= static_cast<size_t>(per_endpoint_)) return false;
    const MonotonicTime overdue = now - options_.overdue;
    if (!endpoints_.MayStart(endpoint, options_.workers - flying(), overdue)) return false;
    // It may have waited here past the end of its replay window. (Without rotation doubt holds
    // nothing back, and a plan ahead may have been brought forward.)
    if (!queued.elsewhere && credential->ReplayHeldBack(now)) {
      places.erase(place);
      PlanAnew(*credential, now);
      TellRefusal(*credential, now);
      return true;
    }
    if (!endpoint.breaker.Allow(now)) return false;
    probe = endpoint.breaker.probing();
  }
  places.erase(place);
  RefreshFacts& facts = credential->facts;
  // While it waited for another replica its replay window may have ended.
  const bool weighed = facts.doubt_since.has_value() && !credential->ReplayHeldBack(now);
  Refresher::Order order{.create_time = credential->create_time,
                         .generation = credential->generation,
                         .take_over = forced,
                         .doubt_weighed = forced || weighed,
                         .rotates = facts.rotates,
                         .even_if_rejected = queued.insistence == Insistence::kEvenIfRejected};
  if (!forced && weighed) order.send_before = ReplayDeadline(*credential->settings, facts, now);
  Flying flying{.flight = ++last_flight_,
                .endpoint = &endpoint,
                .probe = probe,
                .begun = now,
                .generation = credential->generation,
                .operator_waits = forced};
  if (credential->settings->concurrency > 0) flying.client = credential->settings->client_id;
  endpoint.OnBegun(flying);
  if (credential->suspect()) {
    flying.patience_end = now + options_.patience;
    Do(ArmPatience{flying.flight, flying.patience_end});
  }
  credential->state = flying;
  facts.replayed = facts.doubt_since.has_value();
  in_the_air_.emplace(flying.flight, InTheAir{.credential = credential});
  Do(StartFlight{flying.flight, credential->settings, order});
  return true;
}

void RefreshBook::StartPersisting(ScheduledCredential& credential) {
  agenda_.Wake(credential);
  Unsaved unsaved = std::move(std::get<Unsaved>(credential.state));
  const FlightId flight = ++last_flight_;
  credential.state = Flying{.flight = flight, .endpoint = nullptr, .replaced = unsaved.replaced};
  in_the_air_.emplace(flight, InTheAir{.credential = credential.shared_from_this()});
  Do(StartPersist{flight, credential.name(), std::move(*unsaved.answer)});
}

void RefreshBook::Arm(MonotonicTime now) {
  const MonotonicTime next = std::min(endpoints_.NextProbe(now), agenda_.next());
  if (next == MonotonicTime::Never() || armed_ <= next) return;
  armed_ = next;
  Do(ArmTimer{next});
}

RefreshActions RefreshBook::OnTimer(MonotonicTime now) {
  armed_ = MonotonicTime::Never();
  return Done(now);
}

RefreshActions RefreshBook::OnPatienceEnd(FlightId flight) {
  if (!IsWanted(flight)) return {};
  const ScheduledCredential& credential = *in_the_air_.at(flight).credential;
  if (std::get<Flying>(credential.state).operator_waits) return {};
  Do(Tell{credential.name(), MakeRefusal(Reason::kProviderUnavailable, options_.patience)});
  return Take();
}

// ---- landing

RefreshActions RefreshBook::OnLanded(FlightId flight, RefreshResult result, MonotonicTime now,
                                     absl::Time wall) {
  InTheAir landed = std::move(in_the_air_.extract(flight).mapped());
  ScheduledCredential& credential = *landed.credential;
  const Flying flown = std::get<Flying>(credential.state);
  if (EndpointQueue* const endpoint = flown.endpoint; endpoint != nullptr) {
    const bool works_again = endpoint->OnEnded(flown, result, now, random_);
    if (works_again) RetryAfterOutage(*endpoint, now);
    if (endpoint->breaker.IsOpen()) RefuseWanted(*endpoint, now);
  }
  if (!landed.removed) {
    Land(credential, flown, result, now, wall);
  } else if (landed.landed) {
    Do(CallLanded{std::move(landed.landed)});
  }
  return Done(now);
}

ScheduledCredential::Landing RefreshBook::LandingAt(const ScheduledCredential& credential,
                                                    MonotonicTime now, absl::Time wall) {
  return {.options = options_,
          .now = now,
          .wall = wall,
          .calendar = endpoints_.Of(credential.settings->token_endpoint).calendar,
          .random = random_};
}

void RefreshBook::Land(ScheduledCredential& credential, const Flying& flown, RefreshResult& result,
                       MonotonicTime now, absl::Time wall) {
  if (std::holds_alternative<CredentialGone>(result.outcome)) {
    credential.state = Resting{};
    return Remove(credential.name(), nullptr);
  }
  const AccessTokenPtr shown = credential.facts.token;
  ScheduledCredential::Aftermath aftermath =
      credential.Apply(result, flown, LandingAt(credential, now, wall));
  if (aftermath.withdraw || credential.disabled) {
    Hide(credential);
  } else if (credential.facts.token != shown) {
    Show(credential);
  }
  if (flown.outdated) credential.EndClientRejection(now);
  // Another replica may have exchanged the new refresh token meanwhile.
  const bool exchanged =
      std::holds_alternative<Adopted>(result.outcome) && credential.generation > flown.generation;
  const bool was_old_grant =
      flown.replaced && !exchanged && !credential.disabled && !credential.facts.held;
  const bool had_old_settings = flown.outdated && !credential.latched() &&
                                std::holds_alternative<SettingsOutdated>(result.outcome);
  const bool unsaved = aftermath.unsaved != nullptr;
  if (unsaved) {
    const MonotonicTime again = credential.facts.retry_at.value_or(now);
    credential.state = Unsaved{again, std::move(aftermath.unsaved), flown.replaced};
    agenda_.Enter(credential);
  } else if (was_old_grant || had_old_settings) {
    credential.state = Resting{};
    return Enqueue(credential, /*wanted=*/true);
  } else {
    Rest(credential, now, aftermath.elsewhere);
  }
  const bool without_token = result.failed() || (unsaved && credential.facts.token == nullptr);
  if (credential.disabled || (aftermath.elsewhere && credential.stopped())) {
    TellRefusal(credential, now);
  } else if (!without_token && !aftermath.elsewhere) {
    Do(Tell{credential.name(), std::nullopt});
  } else if (without_token && credential.due() > now) {
    // Callers wait on through a replay that starts at once, and while another replica is at it.
    TellRefusal(credential, now);
  }
}

// Nobody is to wait for a provider that is known to be down.
void RefreshBook::RefuseWanted(const EndpointQueue& endpoint, MonotonicTime now) {
  for (const EndpointQueue::Place& place : endpoint.wanted) {
    if (place.stale()) continue;
    Do(Tell{place.credential->name(), endpoint.BreakerRefusal(*place.credential, now)});
  }
}

// Nor is anybody to sit out a backoff of up to two minutes after it has come back.
void RefreshBook::RetryAfterOutage(const EndpointQueue& endpoint, MonotonicTime now) {
  for (const auto& [name, credential] : credentials_) {
    const auto* resting = std::get_if<Resting>(&credential->state);
    if (resting == nullptr || resting->plan.why != Why::kRetry || !credential->suspect()) continue;
    if (&endpoints_.Of(credential->settings->token_endpoint) != &endpoint) continue;
    RefreshFacts& facts = credential->facts;
    facts.retry_at = std::max(now, facts.not_before);
    PlanAnew(*credential, now);
  }
}

}  // namespace token_service::broker
