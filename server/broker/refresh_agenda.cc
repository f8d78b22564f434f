#include "server/broker/refresh_agenda.h"

#include <variant>

namespace token_service::broker {

RefreshAgenda::Place RefreshAgenda::PlaceOf(const ScheduledCredential& credential) {
  return {credential.due().value_or(MonotonicTime::Never()).since_origin(), credential.serial};
}

void RefreshAgenda::Enter(ScheduledCredential& credential) {
  const Place place = PlaceOf(credential);
  if (place.first < absl::InfiniteDuration()) due_.emplace(place, &credential);
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
