#include "server/telemetry/denial_fold.h"

#include <utility>

namespace token_service::telemetry {

bool DenialFold::Admit(DenialKind kind) {
  const MonotonicTime now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  auto found = kinds_.find(kind);
  if (found == kinds_.end()) {
    if (kinds_.size() >= options_.most_kinds) {
      kind = {.caller = "others",
              .connection = kind.connection,
              .method = "",
              .reason = "",
              .peer = ""};
    }
    found = kinds_.try_emplace(std::move(kind), Count{.begun = now}).first;
  }
  Count& count = found->second;
  if (count.folded == 0 && now - count.begun >= options_.interval) {
    count = {.begun = now};
  }
  if (count.admitted < options_.lines) {
    ++count.admitted;
    return true;
  }
  ++count.folded;
  return false;
}

std::vector<DenialFold::Repeats> DenialFold::Take(bool all) {
  const MonotonicTime now = clock_.Now();
  std::vector<Repeats> taken;
  absl::MutexLock lock(&mutex_);
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    Count& count = at->second;
    if (!all && now - count.begun < options_.interval) {
      ++at;
      continue;
    }
    if (count.folded == 0) {
      at = kinds_.erase(at);
      continue;
    }
    taken.push_back({.kind = at->first, .count = count.folded});
    // Whoever goes on is counted on, a line an interval.
    count.begun = now;
    count.folded = 0;
    ++at;
  }
  return taken;
}

std::string_view PeerHost(std::string_view peer) {
  if (!peer.starts_with("ipv4:") && !peer.starts_with("ipv6:")) return peer;
  return peer.substr(0, peer.rfind(':'));
}

}  // namespace token_service::telemetry
