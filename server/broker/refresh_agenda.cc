#include "server/broker/refresh_agenda.h"

#include <variant>

namespace token_service::broker {
namespace {

// Never: nothing is to be done for it until something changes.
MonotonicTime WhenDue(const ScheduledCredential& credential) {
  if (const auto* resting = std::get_if<ScheduledCredential::Resting>(&credential.state)) {
    return resting->plan.when;
  }
  if (const auto* unsaved = std::get_if<ScheduledCredential::Unsaved>(&credential.state)) {
    return unsaved->when;
  }
  return MonotonicTime::Never();
}

}  // namespace

RefreshAgenda::Place RefreshAgenda::PlaceOf(const ScheduledCredential& credential) {
  return {WhenDue(credential).since_origin(), credential.serial};
}

void RefreshAgenda::Enter(ScheduledCredential& credential) {
  if (WhenDue(credential) < MonotonicTime::Never()) {
    due_.emplace(PlaceOf(credential), &credential);
  }
}

void RefreshAgenda::Wake(ScheduledCredential& credential) {
  due_.erase(PlaceOf(credential));
  if (auto* resting = std::get_if<ScheduledCredential::Resting>(&credential.state)) {
    RefreshCalendar* const calendar = std::exchange(resting->calendar, nullptr);
    if (calendar != nullptr) calendar->Leave(resting->slot);
  }
  ++credential.ticket;
}

ScheduledCredential* RefreshAgenda::Due(MonotonicTime now) const {
  const bool due = !due_.empty() && due_.begin()->first.first <= now.since_origin();
  return due ? due_.begin()->second : nullptr;
}

MonotonicTime RefreshAgenda::next() const {
  return due_.empty() ? MonotonicTime::Never() : MonotonicTime(due_.begin()->first.first);
}

}  // namespace token_service::broker
