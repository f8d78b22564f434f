#include "server/store/sealing/current_sealer.h"

#include <utility>

namespace token_service::store {

CurrentSealer::CurrentSealer(Keyring keyring) : slot_(MakeSlot(std::move(keyring))) {}

CurrentSealer::Slot CurrentSealer::MakeSlot(Keyring keyring) {
  auto abandoned = std::make_shared<absl::Notification>();
  Lease lease(new RecordSealer(std::move(keyring)), [abandoned](const RecordSealer* sealer) {
    delete sealer;
    abandoned->Notify();
  });
  return {std::move(lease), std::move(abandoned)};
}

CurrentSealer::Lease CurrentSealer::Get() const {
  absl::MutexLock lock(&mutex_);
  return slot_.lease;
}

void CurrentSealer::Replace(Keyring keyring) {
  Slot slot = MakeSlot(std::move(keyring));
  {
    absl::MutexLock lock(&mutex_);
    std::swap(slot, slot_);
  }
  slot.lease.reset();
  slot.abandoned->WaitForNotification();
}

}  // namespace token_service::store
