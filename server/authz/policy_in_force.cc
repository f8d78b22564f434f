#include "server/authz/policy_in_force.h"

#include <utility>

namespace token_service::authz {
namespace {

// One count for all objects, so that what a thread has seen of one is never taken for another's.
uint64_t NextVersion() {
  static std::atomic<uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

PolicyInForce::PolicyInForce(AccessPolicy policy) { Replace(std::move(policy)); }

const AccessPolicy& PolicyInForce::Look() const {
  thread_local Snapshot seen;
  if (seen.version != version()) seen = Share();
  return *seen.policy;
}

PolicyInForce::Snapshot PolicyInForce::Share() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

void PolicyInForce::Replace(AccessPolicy policy) {
  Snapshot next{.version = NextVersion(),
                .policy = std::make_shared<const AccessPolicy>(std::move(policy))};
  absl::MutexLock lock(&mutex_);
  // The one before is let go after the lock.
  std::swap(current_, next);
  version_.store(current_.version, std::memory_order_release);
}

}  // namespace token_service::authz
