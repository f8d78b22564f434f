#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/net/connection.h"
#include "server/net/growth_watch.h"
#include "server/net/open_connections.h"

namespace token_service::net {

// What is known of one connection when a choice has to be made.
struct Holder {
  std::string peer;
  uint64_t bytes = 0;
  // Since memory began to grow.
  uint64_t opened = 0;
  uint64_t resets = 0;
};

// Whom to cut off so that no more than `most` bytes are held: each time, of the peer that holds the
// most the connection that holds the most. So nobody is cut off by what others hold who hold more.
// Indices.
std::vector<size_t> WhoHoldsTooMuch(const std::vector<Holder>& all, uint64_t most);

// Those who mainly reset what they open, of peers that have reset `much`. Indices.
std::vector<size_t> WhoResets(const std::vector<Holder>& all, uint64_t much);

// Cuts off connections that make gRPC hold memory for nothing and could not be told by their frames
// alone: docs/adr/0034-frames-are-counted.md and docs/adr/0021-who-only-sends.md. Not synchronised.
class ConnectionGuard {
 public:
  // How often to look.
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);
  // Callers acknowledge settings as soon as they have them.
  static constexpr absl::Duration kAcknowledgeWithin = absl::Seconds(10);
  // As many looks may find too much: callers may all come at once.
  static constexpr int kLooksAtTooMuch = 10;
  // Calls that neither wait nor watch, but are being read or answered: those of so many busy
  // connections.
  static constexpr size_t kBusyConnections = 4;

  // `connections` outlives this object. Before listening.
  ConnectionGuard(OpenConnections& connections, int calls_per_connection);

  // As many may wait and watch, of all connections. Any thread.
  void AllowCalls(size_t waiting_and_watching);

  // Reads two numbers, unless memory grows or too much is held; each second looks at every
  // connection.
  void Look(MonotonicTime now, uint64_t resident_bytes = ResidentBytes());

 private:
  struct Seen {
    std::shared_ptr<Connection> connection;  // Lest another have its address.
    uint64_t opened = 0;
    uint64_t resets = 0;
  };

  void EndWhoOwes(MonotonicTime now);
  void EndWhoHoldsTooMuch(MonotonicTime now, uint64_t most);
  void EndWhoResets(MonotonicTime now);

  OpenConnections& connections_;
  const uint64_t many_calls_;
  std::atomic<uint64_t> most_bytes_;
  GrowthWatch growth_;
  bool growing_ = false;
  absl::flat_hash_map<const Connection*, Seen> before_;  // When it began to grow.
  int looks_ = 0;
  int looks_at_too_much_ = 0;
  int looks_to_release_ = 0;
};

}  // namespace token_service::net
