#pragma once

#include <cstdint>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/scheduled_credential.h"

namespace token_service::broker {

// The credentials that rest, by when they are due. Not synchronised.
class RefreshAgenda {
 public:
  // It has come to rest: by its state, which says until when.
  void Enter(ScheduledCredential& credential);
  // It rests no longer, and whatever place it had in a queue is void; its state is left to be
  // replaced. Does nothing more for one that did not rest.
  void Wake(ScheduledCredential& credential);

  // The first one that is due; null: none is.
  ScheduledCredential* Due(MonotonicTime now) const;
  // When the first one is.
  MonotonicTime next() const;

 private:
  // Those due at once in the order of their serials.
  using Place = std::pair<absl::Duration, uint64_t>;
  static Place PlaceOf(const ScheduledCredential& credential);

  absl::btree_map<Place, ScheduledCredential*> due_;
};

}  // namespace token_service::broker
