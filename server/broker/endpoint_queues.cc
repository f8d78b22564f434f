#include "server/broker/endpoint_queues.h"

#include <algorithm>
#include <variant>

namespace token_service::broker {

void RefreshScheduler::Endpoint::DropStale() {
  while (!wanted.empty() && wanted.front().stale()) wanted.pop_front();
  while (!ahead.empty() && ahead.front().stale()) ahead.pop_front();
}

Refusal RefreshScheduler::Endpoint::BreakerRefusal(const Entry& entry, MonotonicTime now) const {
  if (std::optional<Refusal> latched = entry.LatchedRefusal()) return *std::move(latched);
  const absl::Duration wait = breaker.probing() ? absl::Seconds(1) : breaker.probe_at() - now;
  Refusal refusal = MakeRefusal(entry.last_reason.value_or(Reason::kProviderUnavailable),
                                std::max(wait, absl::Milliseconds(10)));
  if (refusal.reason != Reason::kProviderUnavailable) {
    refusal.message += "; the next try waits for the provider, which does not work at present";
  }
  return refusal;
}

void RefreshScheduler::Endpoint::Learn(const RefreshResult& result, bool probe, MonotonicTime now,
                                       absl::BitGenRef random) {
  const auto* failed = std::get_if<RefreshFailed>(&result.outcome);
  const bool answered = failed == nullptr ? std::holds_alternative<Refreshed>(result.outcome) ||
                                                std::holds_alternative<Unpersisted>(result.outcome)
                                          : failed->end == AttemptEnd::kDead ||
                                                failed->end == AttemptEnd::kClientRefused ||
                                                failed->reason == Reason::kProviderThrottled;
  if (answered) {
    breaker.OnSignOfLife();
  } else if (failed == nullptr || !failed->outage) {
    breaker.OnNothingLearned(probe);
  } else {
    breaker.OnOutage(probe, now, random);
  }
}

RefreshScheduler::Endpoint& RefreshScheduler::Endpoints::Of(const std::string& url) {
  std::unique_ptr<Endpoint>& endpoint = endpoints_[url];
  if (endpoint == nullptr) endpoint = std::make_unique<Endpoint>(options_);
  return *endpoint;
}

void RefreshScheduler::Endpoints::Push(const EntryPtr& entry, bool wanted) {
  Endpoint& endpoint = Of(entry->settings->token_endpoint);
  Endpoint::Place place{entry, entry->ticket};
  if (entry->forced) {
    endpoint.wanted.push_front(std::move(place));
  } else {
    (wanted ? endpoint.wanted : endpoint.ahead).push_back(std::move(place));
  }
  if (endpoint.ready) return;
  endpoint.ready = true;
  ready_.push_back(&endpoint);
}

RefreshScheduler::Endpoint& RefreshScheduler::Endpoints::TakeTurn() {
  Endpoint& endpoint = *ready_.front();
  ready_.pop_front();
  endpoint.DropStale();
  return endpoint;
}

bool RefreshScheduler::Endpoints::EndTurn(Endpoint& endpoint) {
  endpoint.ready = endpoint.queued();
  if (endpoint.ready) ready_.push_back(&endpoint);
  return endpoint.ready;
}

MonotonicTime RefreshScheduler::Endpoints::NextProbe(MonotonicTime now) const {
  MonotonicTime next = MonotonicTime::Never();
  for (const Endpoint* endpoint : ready_) {
    const Breaker& breaker = endpoint->breaker;
    if (breaker.IsOpen() && !breaker.probing() && breaker.probe_at() > now) {
      next = std::min(next, breaker.probe_at());
    }
  }
  return next;
}

bool RefreshScheduler::Endpoints::AnyWanted() const {
  return std::any_of(ready_.begin(), ready_.end(), [](const Endpoint* endpoint) {
    return !endpoint->wanted.empty() && !endpoint->breaker.IsOpen();
  });
}

std::vector<RefreshScheduler::EndpointStatus> RefreshScheduler::Endpoints::List() const {
  std::vector<EndpointStatus> all;
  all.reserve(endpoints_.size());
  for (const auto& [url, endpoint] : endpoints_) {
    all.push_back(
        {.url = url, .breaker_open = endpoint->breaker.IsOpen(), .queued = endpoint->places()});
  }
  return all;
}

}  // namespace token_service::broker
