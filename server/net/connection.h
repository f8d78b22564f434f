#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/net/cut_offs.h"
#include "server/net/stream_ledger.h"

namespace token_service::net {

// Who is at the other end: `10.0.0.1`, `2001:db8:0:1::/64` (the network, which a peer has to
// itself), `uid:1000` of a unix socket.
std::string PeerOf(int fd);

// A peer, and what its connections hold together. Any thread.
struct Peer {
  explicit Peer(std::string its_name) : name(std::move(its_name)) {}

  const std::string name;
  std::atomic<uint64_t> held_bytes = 0;
};

// What all connections have in common. Any thread.
struct Together {
  std::atomic<uint64_t> held_bytes = 0;
  // More of one peer are too many at once.
  std::atomic<uint64_t> most_of_a_peer = std::numeric_limits<uint64_t>::max();
  CutOffs cut_offs;
};

// A connection that a caller has made to this process, from accept4 to close. Any thread, but one
// at a time reads, and one at a time writes, as gRPC does.
class Connection {
 public:
  // `calls`: as many as it may have open at once. `together` outlives this object.
  Connection(int fd, std::shared_ptr<Peer> peer, size_t calls, Together& together)
      : fd_(fd), peer_(std::move(peer)), together_(together), ledger_(calls) {}

  const std::string& peer() const { return peer_->name; }

  // From now on what is read from the socket is TLS: TlsRead and TlsWritten tell what is in it.
  void BecomesTls() { is_tls_.store(true, std::memory_order_relaxed); }

  // After recvmsg has returned `size`, errno as it left it. False: the connection is cut off, and
  // nobody may see what was read.
  bool WasRead(const msghdr& message, ssize_t size) ABSL_LOCKS_EXCLUDED(mutex_);
  // After sendmsg has sent `size` bytes.
  void WasSent(const msghdr& message, size_t size) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, of what TLS carries.
  bool TlsRead(std::string_view bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void TlsWritten(std::string_view bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends it for both sides and drops what was sent and not read. False: it has ended already.
  bool CutOff(Breach breach) ABSL_LOCKS_EXCLUDED(mutex_);

  // Before its descriptor is closed.
  void Closes() ABSL_LOCKS_EXCLUDED(mutex_);

  // What it holds at this moment. Nothing any more once it is cut off.
  struct Standing {
    uint64_t bytes = 0;
    uint64_t opened = 0;
    uint64_t resets = 0;
    // Since when it has been seen to owe the acknowledgement of settings.
    std::optional<MonotonicTime> owes_since;
  };
  Standing Look(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  bool Take(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has the sums of the peer and of all agree with the ledger.
  void Account() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CutOffLocked(Breach breach) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int fd_;
  const std::shared_ptr<Peer> peer_;
  Together& together_;
  std::atomic<bool> is_tls_ = false;

  absl::Mutex mutex_;
  StreamLedger ledger_ ABSL_GUARDED_BY(mutex_);
  uint64_t accounted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<MonotonicTime> owes_since_ ABSL_GUARDED_BY(mutex_);
  // The descriptor is ours until it is closed.
  enum class Phase : uint8_t { kOpen, kCutOff, kClosed };
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kOpen;
};

}  // namespace token_service::net
