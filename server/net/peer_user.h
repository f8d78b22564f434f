#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace token_service::net {

// gRPC tells a call its peer's address, and whoever connects to a unix socket has none. So this
// program has a getpeername of its own, which gRPC calls: the peer of a unix socket has an address
// there that says which user has connected, as the kernel knows it (SO_PEERCRED), an IPv4 address
// of these 32 bits, port 0. No listener of unix sockets has other connections, and no other asks
// for users: see docs/adr/0032-users-of-a-socket.md.

// The user, by the peer of a call as gRPC writes it. Nullopt: it was not named so.
std::optional<uint32_t> UserOf(std::string_view peer);

}  // namespace token_service::net
