#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace token_service::net {

// What the kernel counts of one TCP connection: payload, handshakes and all.
struct ConnectionTraffic {
  int fd = -1;
  uint64_t cookie = 0;  // Names the socket; a number is given to the next one soon.
  uint64_t received = 0;
  uint64_t sent = 0;
};

// Of this process's TCP connections at these local ports.
std::vector<ConnectionTraffic> TrafficAt(const std::vector<uint16_t>& ports);

// How much those send whose calls all wait for their answers: `calls` of them, of a connection.
uint64_t MostThatWaits(int calls);

// Those who have sent `much` between the two looks, or since they came, and hardly waited for an
// answer: callers get more than they send, but for those whose calls wait.
std::vector<ConnectionTraffic> WhoOnlySends(const std::vector<ConnectionTraffic>& before,
                                            const std::vector<ConnectionTraffic>& now,
                                            uint64_t much);

// Resets the connection, and drops what it sent and nobody has read. False: it is gone already.
bool AbortConnection(const ConnectionTraffic& connection);

// Whether memory grows faster than it should.
class GrowthWatch {
 public:
  // True: more than `kMost` above the least of the last 100 looks.
  bool Grows(uint64_t resident_bytes);

  static constexpr uint64_t kMost = 64 << 20;

 private:
  std::array<uint64_t, 100> recent_ = {};  // 0: not yet.
  size_t next_ = 0;
};

// Ends connections that make gRPC hold memory for nothing. gRPC 1.51 reads from a connection for as
// long as there is something to read before it lets any call begin or end: whoever opens calls and
// resets them makes it hold them all (docs/adr/0021-who-only-sends.md). Not synchronised.
class ConnectionGuard {
 public:
  // How often to look.
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);

  // The listeners' TCP ports, and how many calls a connection may have at once.
  ConnectionGuard(std::vector<uint16_t> ports, int calls_per_connection)
      : ports_(std::move(ports)), much_(MostThatWaits(calls_per_connection)) {}

  // Reads two numbers, unless memory grows; then each connection's. How many were ended.
  int Look();

 private:
  const std::vector<uint16_t> ports_;
  const uint64_t much_;
  GrowthWatch growth_;
  bool growing_ = false;
  std::vector<ConnectionTraffic> before_;  // When it began to grow.
  int looks_to_release_ = 0;
};

}  // namespace token_service::net
