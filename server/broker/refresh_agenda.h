#pragma once

#include <utility>

#include "absl/container/btree_set.h"
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
  absl::btree_set<std::pair<absl::Duration, ScheduledCredential*>> due_;
};

}  // namespace token_service::broker
