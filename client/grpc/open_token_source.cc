#include <memory>
#include <utility>

#include "client/core/clock.h"
#include "client/grpc/grpc_transport.h"
#include "client/grpc/reloading_channel.h"
#include "token_service/token_source.h"

namespace token_service::client {

// Apart from the rest of TokenSource, which links without gRPC.
absl::StatusOr<std::unique_ptr<TokenSource>> TokenSource::Open(const TokenSourceOptions& options) {
  auto channel = ReloadingChannel::Create(options.channel);
  if (!channel.ok()) return channel.status();
  auto transport = std::make_unique<GrpcTransport>(*std::move(channel), options.credential);
  return std::make_unique<TokenSource>(std::move(transport), options, BootClock());
}

}  // namespace token_service::client
