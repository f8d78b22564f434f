#include "server/net/cut_offs.h"

#include <utility>

namespace token_service::net {

void CutOffs::Add(Breach breach, const std::string& peer) {
  counts_[static_cast<size_t>(breach)].fetch_add(1, std::memory_order_relaxed);
  absl::MutexLock lock(&mutex_);
  const Who who(breach, peer);
  if (kept_.size() < kMostPeers || kept_.contains(who)) ++kept_[who];
}

std::map<CutOffs::Who, uint64_t> CutOffs::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(kept_, {});
}

}  // namespace token_service::net
