#include "server/broker/endpoint_queues.h"

#include <algorithm>
#include <variant>

namespace token_service::broker {
namespace {

constexpr size_t kMostWhenOverdue = 2;

}  // namespace

void EndpointQueue::DropStale() {
  while (!wanted.empty() && wanted.front().stale()) wanted.pop_front();
  while (!ahead.empty() && ahead.front().stale()) ahead.pop_front();
}

Refusal EndpointQueue::BreakerRefusal(const ScheduledCredential& credential,
                                      MonotonicTime now) const {
  if (std::optional<Refusal> latched = credential.LatchedRefusal()) return *std::move(latched);
  const absl::Duration wait = breaker.probing() ? absl::Seconds(1) : breaker.probe_at() - now;
  Refusal refusal = MakeRefusal(credential.last_reason.value_or(Reason::kProviderUnavailable),
                                std::max(wait, absl::Milliseconds(10)));
  if (refusal.reason != Reason::kProviderUnavailable) {
    refusal.message += "; the next try waits for the provider, which does not work at present";
  }
  return refusal;
}

EndpointQueue::Places::iterator EndpointQueue::FirstFree(Places& places) const {
  return std::find_if(places.begin(), places.end(), [this](const Place& place) {
    if (place.stale()) return false;
    const CredentialSettings& settings = *place.credential->settings;
    if (settings.concurrency == 0 || place.credential->forced()) return true;
    const auto out = begun_by_client.find(settings.client_id);
    return out == begun_by_client.end() || out->second < settings.concurrency;
  });
}

void EndpointQueue::OnBegun(const ScheduledCredential::Flying& flying) {
  begun.push_back(flying.begun);
  if (!flying.client.empty()) ++begun_by_client[flying.client];
}

bool EndpointQueue::OnEnded(const ScheduledCredential::Flying& flown, const RefreshResult& result,
                            MonotonicTime now, absl::BitGenRef random) {
  begun.erase(std::find(begun.begin(), begun.end(), flown.begun));
  const auto client = begun_by_client.find(flown.client);
  if (client != begun_by_client.end() && --client->second == 0) begun_by_client.erase(client);
  const bool was_open = breaker.IsOpen();
  const auto* failed = std::get_if<RefreshFailed>(&result.outcome);
  const bool answered = failed == nullptr ? std::holds_alternative<Refreshed>(result.outcome) ||
                                                std::holds_alternative<Unpersisted>(result.outcome)
                                          : failed->end == AttemptEnd::kDead ||
                                                failed->end == AttemptEnd::kClientRefused ||
                                                failed->reason == Reason::kProviderThrottled ||
                                                failed->reason == Reason::kProviderBusy;
  if (answered) {
    breaker.OnSignOfLife();
  } else if (failed == nullptr || !failed->outage) {
    breaker.OnNothingLearned(flown.probe);
  } else {
    breaker.OnOutage(flown.probe, now, random);
  }
  return was_open && !breaker.IsOpen();
}

EndpointQueue& EndpointQueues::Of(const std::string& url) {
  std::unique_ptr<EndpointQueue>& endpoint = endpoints_[url];
  if (endpoint == nullptr) endpoint = std::make_unique<EndpointQueue>(options_);
  return *endpoint;
}

void EndpointQueues::Push(const ScheduledCredentialPtr& credential) {
  const auto& queued = std::get<ScheduledCredential::Queued>(credential->state);
  EndpointQueue& endpoint = Of(credential->settings->token_endpoint);
  EndpointQueue::Place place{credential, credential->ticket};
  if (credential->forced()) {
    endpoint.wanted.push_front(std::move(place));
  } else {
    (queued.wanted ? endpoint.wanted : endpoint.ahead).push_back(std::move(place));
  }
  if (endpoint.ready) return;
  endpoint.ready = true;
  ready_.push_back(&endpoint);
}

bool EndpointQueues::MayStart(const EndpointQueue& endpoint, int free_workers,
                              MonotonicTime overdue) const {
  if (endpoints_.size() == 1) return true;
  const std::deque<MonotonicTime>& begun = endpoint.begun;
  if (begun.size() >= kMostWhenOverdue && begun.front() < overdue) return false;
  return begun.size() < static_cast<size_t>(free_workers);
}

EndpointQueue& EndpointQueues::TakeTurn() {
  EndpointQueue& endpoint = *ready_.front();
  ready_.pop_front();
  endpoint.DropStale();
  return endpoint;
}

bool EndpointQueues::EndTurn(EndpointQueue& endpoint) {
  endpoint.ready = endpoint.queued();
  if (endpoint.ready) ready_.push_back(&endpoint);
  return endpoint.ready;
}

MonotonicTime EndpointQueues::NextProbe(MonotonicTime now) const {
  MonotonicTime next = MonotonicTime::Never();
  for (const EndpointQueue* endpoint : ready_) {
    const Breaker& breaker = endpoint->breaker;
    if (breaker.IsOpen() && !breaker.probing() && breaker.probe_at() > now) {
      next = std::min(next, breaker.probe_at());
    }
  }
  return next;
}

bool EndpointQueues::AnyWanted() const {
  return std::any_of(ready_.begin(), ready_.end(), [](const EndpointQueue* endpoint) {
    return !endpoint->wanted.empty() && !endpoint->breaker.IsOpen();
  });
}

std::vector<EndpointStatus> EndpointQueues::List() const {
  std::vector<EndpointStatus> all;
  all.reserve(endpoints_.size());
  for (const auto& [url, endpoint] : endpoints_) {
    all.push_back(
        {.url = url, .breaker_open = endpoint->breaker.IsOpen(), .queued = endpoint->places()});
  }
  return all;
}

}  // namespace token_service::broker
