#include "server/api/grpc_listener.h"

#include <grpc/compression.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/telemetry/log.h"

namespace token_service::api {
namespace {

using telemetry::Level;
using telemetry::Log;

constexpr char kTokenService[] = "token.v1.TokenService";

// Streams end within the age: see WatchAge. Milliseconds, for slow readers.
constexpr int kLastStreams = 5000;

void EnablePlugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

void SetLimits(const GrpcListener::Options& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(options.max_request_bytes);
  if (options.connection_age != absl::InfiniteDuration()) {
    const auto age = static_cast<int>(std::min<int64_t>(
        absl::ToInt64Milliseconds(options.connection_age), std::numeric_limits<int>::max() / 2));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, age);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, age + kLastStreams);
  }
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  // Nothing here is worth compressing, and nobody is shown channelz: 2 % of a cached call. What
  // callers compress is refused: gRPC inflates a message whole before it looks at its size.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.AddChannelArgument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
                             1 << GRPC_COMPRESS_NONE);
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

void TellOfSocket(const std::string& address, posix::UnixSocket::Place found,
                  const absl::Status& outcome) {
  using Place = posix::UnixSocket::Place;
  const std::string error(outcome.message());
  if (found == Place::kOurs) {
    Log(Level::kError, "unix socket not changed", {{"address", address}, {"error", error}});
  } else if (found == Place::kAnothers) {
    Log(Level::kError, "the unix socket's path is another's now: nobody can connect here",
        {{"address", address}});
  } else if (outcome.ok()) {
    Log(Level::kWarning, "the unix socket was removed, and is made anew", {{"address", address}});
  } else {
    Log(Level::kError, "the unix socket was removed, and cannot be made anew",
        {{"address", address}, {"error", error}});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Create(
    posix::ListeningSockets sockets, const Options& options, const TokenServiceParts& parts,
    const CredentialServiceParts& operators) {
  EnablePlugins();
  const std::string address = sockets.address();
  const ListenerInfo info{.address = address,
                          .identity = options.identity,
                          .kind = options.kind,
                          .policy = &parts.policy,
                          .proof = options.proof};
  auto listener = std::unique_ptr<GrpcListener>(
      new GrpcListener(std::make_unique<TokenServiceImpl>(info, parts),
                       std::make_unique<CredentialServiceImpl>(info, operators)));
  if (options.certificate != nullptr) {
    listener->certificate_ = std::make_unique<HandshakeCertificate>(*options.certificate);
  }
  grpc::ServerBuilder builder;
  SetLimits(options, builder);
  listener->connections_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      listener->certificate_ == nullptr ? grpc::InsecureServerCredentials()
                                        : listener->certificate_->MakeCredentials());
  builder.RegisterService(listener->service_.get());
  builder.RegisterService(listener->credentials_.get());

  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr) {
    return absl::InternalError(absl::StrCat("gRPC does not start for ", address));
  }
  listener->address_ = address;
  listener->acceptor_ = std::make_unique<posix::Acceptor>(
      posix::Acceptor::Whose::kCallers, std::move(sockets),
      posix::Acceptor::Events{
          .on_connection =
              [connections = listener->connections_.get()](posix::FileDescriptor connection,
                                                           int listening) {
                grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
                parameters.listener_fd = listening;
                parameters.fd = connection.Release();
                connections->HandleNewConnection(&parameters);
              },
          .on_change =
              [address](posix::UnixSocket::Place found, const absl::Status& outcome) {
                TellOfSocket(address, found, outcome);
              }});
  listener->acceptor_->Start();
  listener->SetServing(false);
  return listener;
}

void GrpcListener::SetServing(bool serving) {
  // gRPC sends to those who watch each time it is told, changed or not.
  absl::MutexLock lock(&health_mutex_);
  if (serving_ == serving) return;
  serving_ = serving;
  grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  health->SetServingStatus(kTokenService, serving);
}

void GrpcListener::Shutdown(absl::Time deadline) {
  acceptor_->Stop();  // gRPC would leave open what comes after.
  server_->Shutdown(absl::ToChronoTime(deadline));
}

}  // namespace token_service::api
