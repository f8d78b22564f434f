#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/net/stream_ledger.h"

namespace token_service::net {

// Connections that were cut off, for the log and a metric. Any thread.
class CutOffs {
 public:
  using Who = std::pair<Breach, std::string>;  // Why, and which peer's.

  void Add(Breach breach, const std::string& peer) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many since the last time; of very many peers the first.
  std::map<Who, uint64_t> Take() ABSL_LOCKS_EXCLUDED(mutex_);

  uint64_t count(Breach breach) const {
    return counts_[static_cast<size_t>(breach)].load(std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kMostPeers = 100;

  std::array<std::atomic<uint64_t>, kBreaches> counts_ = {};
  absl::Mutex mutex_;
  std::map<Who, uint64_t> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::net
