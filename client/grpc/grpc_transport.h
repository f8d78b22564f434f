#pragma once

#include <memory>
#include <string>

#include "client/core/token_transport.h"
#include "client/grpc/reloading_channel.h"

namespace token_service::client {

// To a token server over gRPC, for one credential.
class GrpcTransport final : public TokenTransport {
 public:
  GrpcTransport(std::unique_ptr<ReloadingChannel> channel, std::string credential);
  ~GrpcTransport() override;

  void Attach(TransportSink& sink) override;
  void StartWatch(CallId call) override;
  void StartGet(CallId call, uint64_t rejected_generation, absl::Duration timeout) override;
  void Cancel(CallId call) override;
  void Shutdown() override;

 private:
  class Call;
  class Calls;
  class WatchCall;
  class GetCall;

  std::shared_ptr<grpc::Channel> Channel();

  const std::unique_ptr<ReloadingChannel> channel_;
  const std::string credential_;
  std::unique_ptr<Calls> calls_;
};

}  // namespace token_service::client
