#include "server/net/connection_guard.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace token_service::net {
namespace {

// After a connection was cut off.
constexpr int kLooksToRelease = 30;
constexpr int kReleaseEach = 3;  // Looks.
constexpr int kLooksASecond = 10;
constexpr uint64_t kFewResets = 16;  // Calls are cancelled now and then.

}  // namespace

std::vector<size_t> WhoHoldsTooMuch(const std::vector<Holder>& all, uint64_t most) {
  uint64_t held = 0;
  absl::flat_hash_map<std::string_view, uint64_t> by_peer;
  for (const Holder& holder : all) {
    held += holder.bytes;
    by_peer[holder.peer] += holder.bytes;
  }
  // Each peer's, the greatest last.
  absl::flat_hash_map<std::string_view, std::vector<size_t>> holders;
  if (held > most) {
    for (size_t i = 0; i < all.size(); ++i) holders[all[i].peer].push_back(i);
    for (auto& [peer, of_it] : holders) {
      std::sort(of_it.begin(), of_it.end(),
                [&](size_t a, size_t b) { return all[a].bytes < all[b].bytes; });
    }
  }
  std::vector<size_t> found;
  while (held > most) {
    const auto greatest =
        std::max_element(by_peer.begin(), by_peer.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    std::vector<size_t>& of_it = holders[greatest->first];
    const size_t one = of_it.back();
    of_it.pop_back();
    held -= all[one].bytes;
    greatest->second -= all[one].bytes;
    found.push_back(one);
  }
  return found;
}

std::vector<size_t> WhoResets(const std::vector<Holder>& all, uint64_t much) {
  absl::flat_hash_map<std::string_view, uint64_t> by_peer;
  for (const Holder& holder : all) by_peer[holder.peer] += holder.resets;
  std::vector<size_t> found;
  for (size_t i = 0; i < all.size(); ++i) {
    const Holder& holder = all[i];
    const bool mainly = holder.resets > kFewResets && 2 * holder.resets > holder.opened;
    if (mainly && by_peer[holder.peer] >= much) found.push_back(i);
  }
  return found;
}

ConnectionGuard::ConnectionGuard(OpenConnections& connections, int calls_per_connection)
    : connections_(connections),
      many_calls_(std::max(static_cast<uint64_t>(calls_per_connection),
                           uint64_t{StreamLedger::kFewestCalls})),
      most_bytes_(kBusyConnections * many_calls_ * StreamLedger::kCallBytes) {
  connections_.AllowCalls(calls_per_connection);
}

void ConnectionGuard::AllowCalls(size_t waiting_and_watching) {
  const uint64_t most =
      (waiting_and_watching + kBusyConnections * many_calls_) * StreamLedger::kCallBytes;
  most_bytes_.store(most);
  connections_.AllowPeers(2 * most);
}

void ConnectionGuard::Look(MonotonicTime now, uint64_t resident_bytes) {
  if (looks_to_release_ > 0 && --looks_to_release_ % kReleaseEach == 0) ReleaseFreeMemory();
  if (++looks_ % kLooksASecond == 0) EndWhoOwes(now);

  const uint64_t held = connections_.held_bytes();
  const uint64_t most = most_bytes_.load(std::memory_order_relaxed);
  looks_at_too_much_ = held > most ? looks_at_too_much_ + 1 : 0;
  if (looks_at_too_much_ >= kLooksAtTooMuch || held > 2 * most) EndWhoHoldsTooMuch(now, most);

  if (growth_.Grows(resident_bytes)) {
    EndWhoResets(now);
  } else {
    growing_ = false;
    before_.clear();
  }
}

void ConnectionGuard::EndWhoOwes(MonotonicTime now) {
  for (const auto& connection : connections_.All()) {
    const Connection::Standing standing = connection->Look(now);
    if (standing.owes_since.has_value() && now - *standing.owes_since >= kAcknowledgeWithin) {
      connection->CutOff(Breach::kUnacknowledged);
    }
  }
}

void ConnectionGuard::EndWhoHoldsTooMuch(MonotonicTime now, uint64_t most) {
  const auto connections = connections_.All();
  std::vector<Holder> all;
  all.reserve(connections.size());
  for (const auto& connection : connections) {
    all.push_back({.peer = connection->peer(), .bytes = connection->Look(now).bytes});
  }
  for (const size_t i : WhoHoldsTooMuch(all, most)) {
    if (connections[i]->CutOff(Breach::kTooMuch)) looks_to_release_ = kLooksToRelease;
  }
  looks_at_too_much_ = 0;
}

void ConnectionGuard::EndWhoResets(MonotonicTime now) {
  const auto connections = connections_.All();
  const bool began = !std::exchange(growing_, true);
  std::vector<Holder> all;
  all.reserve(connections.size());
  for (const auto& connection : connections) {
    const Connection::Standing standing = connection->Look(now);
    if (began) {
      before_[connection.get()] = {
          .connection = connection, .opened = standing.opened, .resets = standing.resets};
    }
    // Of one that came since, everything counts.
    const auto earlier = before_.find(connection.get());
    const Seen seen = earlier == before_.end() ? Seen{} : earlier->second;
    // Who was cut off has none any more.
    all.push_back({.peer = connection->peer(),
                   .opened = standing.opened - std::min(standing.opened, seen.opened),
                   .resets = standing.resets - std::min(standing.resets, seen.resets)});
  }
  for (const size_t i : WhoResets(all, many_calls_)) {
    if (connections[i]->CutOff(Breach::kResets)) looks_to_release_ = kLooksToRelease;
  }
}

}  // namespace token_service::net
