#include "server/telemetry/credential_calls.h"

#include <memory>

namespace token_service::telemetry {

// Apart from the header, so that counting stays small where it is inlined.
CredentialCalls::Shards& CredentialCalls::MakeShards() {
  auto made = std::make_unique<Shards>();
  Shards* there = nullptr;
  if (shards_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
    return *made.release();
  }
  return *there;  // Another thread was first.
}

}  // namespace token_service::telemetry
