#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/authz/access_policy.h"

namespace token_service::authz {

// The policy that calls are judged by: replaced whole while they go on. Any thread may call.
//
// Whoever keeps a decision keeps the version with it, and asks anew when the version is another.
class PolicyInForce {
 public:
  explicit PolicyInForce(AccessPolicy policy);

  // One acquire load. Another number, another policy: a number comes once in a process, and 0
  // never.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // The policy of version(), or of a later one. Takes no lock and writes nothing that is shared,
  // but for a thread's first look at a new version. Good until this thread's next call of Look, of
  // whatever object: decide and let go, and call nothing meanwhile that may look too.
  const AccessPolicy& Look() const;

  // The same, to keep. Takes a lock.
  struct Snapshot {
    uint64_t version = 0;
    std::shared_ptr<const AccessPolicy> policy;
  };
  Snapshot Share() const ABSL_LOCKS_EXCLUDED(mutex_);

  // A call that begins after this returned is judged by `policy`; the one before goes when the last
  // thread that looked at it looks again.
  void Replace(AccessPolicy policy) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::atomic<uint64_t> version_ = 0;
  mutable absl::Mutex mutex_;
  Snapshot current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::authz
