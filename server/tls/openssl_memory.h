#pragma once

#include "absl/status/status.h"

namespace token_service::tls {

// Has OpenSSL wipe what it frees, in all of this process: its buffers hold what callers and
// providers say, in plaintext. First of all, in main. FAILED_PRECONDITION: it is in use already.
absl::Status WipeOpenSslMemory();

}  // namespace token_service::tls
