#include "server/api/grpc_listener.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace token_service::api {
namespace {

constexpr char kTokenService[] = "token.v1.TokenService";

void EnablePlugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

void SetLimits(const GrpcListener::Options& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(options.max_request_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  // A second server on the same port is a mistake, not a way to share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Nothing here is worth compressing, and nobody is shown channelz: 2 % of a cached call. What
  // callers compress is decompressed as ever.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  // Whoever connects and says nothing is not waited for long.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 20'000);
  // Dead peers are found within 80 s; clients may ping each 10 s, also between calls, but not more
  // often.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
}

std::string WithPort(const std::string& address, int port) {
  if (address.starts_with("unix:")) return address;
  return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Create(
    const Options& options, const TokenServiceParts& parts,
    const CredentialServiceParts& operators) {
  EnablePlugins();
  const ListenerInfo info{
      .address = options.address, .identity = options.identity, .kind = options.kind};
  auto listener = std::unique_ptr<GrpcListener>(
      new GrpcListener(std::make_unique<TokenServiceImpl>(info, parts),
                       std::make_unique<CredentialServiceImpl>(info, operators)));
  if (options.certificate != nullptr) {
    listener->certificate_ = std::make_unique<HandshakeCertificate>(*options.certificate);
  }
  grpc::ServerBuilder builder;
  SetLimits(options, builder);
  int port = 0;
  builder.AddListeningPort(options.address,
                           listener->certificate_ == nullptr
                               ? grpc::InsecureServerCredentials()
                               : listener->certificate_->MakeCredentials(),
                           &port);
  builder.RegisterService(listener->service_.get());
  builder.RegisterService(listener->credentials_.get());

  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.address, ": is the address free, and ours?"));
  }
  listener->address_ = WithPort(options.address, port);
  listener->SetServing(false);
  return listener;
}

void GrpcListener::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  health->SetServingStatus(kTokenService, serving);
}

void GrpcListener::Shutdown(absl::Time deadline) {
  server_->Shutdown(absl::ToChronoTime(deadline));
}

}  // namespace token_service::api
