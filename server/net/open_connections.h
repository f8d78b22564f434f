#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/net/connection.h"
#include "server/net/cut_offs.h"

namespace token_service::net {

// The connections that accept4 has given out and close has not taken back. There is one of this: it
// is what the functions know that take the place of the C library's. Any thread.
class OpenConnections {
 public:
  static OpenConnections& OfThisProcess();

  // As many calls as settings allow each connection at once, of those that come from now on.
  void AllowCalls(int calls) { calls_.store(calls, std::memory_order_relaxed); }
  // Of a peer that holds more, the connection that asks for more is cut off at once.
  void AllowPeers(uint64_t bytes) { together_.most_of_a_peer.store(bytes); }

  void Accepted(int fd) ABSL_LOCKS_EXCLUDED(mutex_);
  void Closes(int fd) ABSL_LOCKS_EXCLUDED(mutex_);

  // Null: none of them. For a thread that reads from it or writes to it, and meanwhile nobody
  // closes it.
  static Connection* At(int fd);

  // Null: none of them.
  std::shared_ptr<Connection> Find(int fd) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::shared_ptr<Connection>> All() ABSL_LOCKS_EXCLUDED(mutex_);

  // What they hold together, by what their frames say.
  uint64_t held_bytes() const { return together_.held_bytes.load(std::memory_order_relaxed); }

  CutOffs& cut_offs() { return together_.cut_offs; }

 private:
  OpenConnections() = default;

  std::shared_ptr<Peer> PeerNamed(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Together together_;
  std::atomic<int> calls_ = 1000;
  absl::Mutex mutex_;
  absl::flat_hash_map<int, std::shared_ptr<Connection>> by_fd_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::weak_ptr<Peer>> peers_ ABSL_GUARDED_BY(mutex_);
};

// No descriptor of a connection has a higher number.
inline constexpr int kMostFiles = 1 << 20;

}  // namespace token_service::net
