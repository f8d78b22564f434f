#include "token_service/token_source.h"

#include <utility>

#include "client/core/clock.h"
#include "client/core/source_core.h"
#include "client/core/token_transport.h"

namespace token_service::client {

TokenSource::TokenSource(std::unique_ptr<TokenTransport> transport,
                         const TokenSourceOptions& options, const Clock& clock)
    : core_(std::make_unique<SourceCore>(std::move(transport), options.on_change, clock)) {}

TokenSource::~TokenSource() {
  // Its thread did not come along, and whatever lock was held at that moment is held for ever.
  if (core_->InChild()) core_.release();
}

TokenOrError TokenSource::Current() const { return core_->Current(); }

TokenOrError TokenSource::Get(absl::Duration timeout) { return core_->Wait(0, timeout); }

void TokenSource::Rejected(const AccessToken& token) { core_->Rejected(token.generation()); }

TokenOrError TokenSource::Replace(const AccessToken& rejected, absl::Duration timeout) {
  return core_->Wait(rejected.generation(), timeout);
}

}  // namespace token_service::client
