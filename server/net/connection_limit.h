#pragma once

#include <cstdint>

namespace token_service::net {

// The most connections of the whole process: one more is closed as soon as it is there, and those
// that are open notice nothing. 0: as many as the process may have files open, but for
// `kReservedFiles`. Raises the soft limit of open files to the hard one first. Returns what holds.
//
// gRPC 1.51 knows no such limit; worse, it never listens again at an address where accepting failed
// for want of a file descriptor. So this program has an accept4 of its own, which our acceptors
// call: see docs/adr/0017-connections-are-bounded.md. Any thread.
int LimitConnections(int most);

// For databases, files, and connections to providers.
inline constexpr int kReservedFiles = 200;

// How many connections were closed for that reason.
uint64_t RefusedConnections();

}  // namespace token_service::net
