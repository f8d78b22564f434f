#pragma once

#include <string>

namespace token_service::net {

// The peer of the connection that this thread read from last, `ipv4:192.0.2.7:4711`, as gRPC writes
// it: for whoever hears on the same thread that something is wrong with what was read. Empty: of no
// connection that is still open, or of no TCP. This program has a recvmsg of its own for this,
// which gRPC calls.
std::string PeerHeardLast();

// For this program's own recvmsg, which gRPC calls: see open_connections.cc.
void NoteHeard(int fd);

}  // namespace token_service::net
