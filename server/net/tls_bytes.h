#pragma once

namespace token_service::net {

// This thread has accepted the connection: the TLS session that it makes next is for that. gRPC
// makes it before it accepts another.
void NextTlsSessionIsFor(int fd);

}  // namespace token_service::net
