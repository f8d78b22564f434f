#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "server/store/sealing/record_sealer.h"

namespace token_service::store {

// The sealer of the moment, which can be replaced while others work with it. Any thread.
class CurrentSealer {
 public:
  // Whoever works with the store holds one from beginning to end: see Replace.
  using Lease = std::shared_ptr<const RecordSealer>;

  explicit CurrentSealer(Keyring keyring);

  Lease Get() const;

  // From now on Get gives a sealer with this keyring. Returns when nobody is left who holds an
  // earlier one: blocks for as long as a call of the store takes. One at a time; the caller holds
  // no lease.
  void Replace(Keyring keyring);

 private:
  struct Slot {
    Lease lease;
    std::shared_ptr<absl::Notification> abandoned;  // By the last who held the lease.
  };
  static Slot MakeSlot(Keyring keyring);

  mutable absl::Mutex mutex_;
  Slot slot_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::store
