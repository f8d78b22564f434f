#include "client/command/health_command.h"

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/time/clock.h"
#include "client/command/exit_code.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "token_service/channel.h"
#include "token_service/decode_token_error.h"

namespace token_service::client {
namespace {

using grpc::health::v1::HealthCheckResponse;

}  // namespace

CLI::App* HealthCommand::AddTo(CLI::App& app) {
  return app.add_subcommand("health", "Say whether the server is ready: exit status 0 when it is");
}

int HealthCommand::Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) {
  const auto channel = CreateChannel(connection.channel);
  if (!channel.ok()) {
    err << "token-client: " << channel.status().message() << "\n";
    return kExitUsage;
  }
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + connection.timeout));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("token.v1.TokenService");
  HealthCheckResponse response;
  const grpc::Status status =
      grpc::health::v1::Health::NewStub(*channel)->Check(&context, request, &response);
  if (!status.ok()) {
    err << "token-client: " << connection.channel.server << ": "
        << Describe(DecodeTokenError(status)) << "\n";
    return kExitRefused;
  }
  out << HealthCheckResponse::ServingStatus_Name(response.status()) << std::endl;
  return response.status() == HealthCheckResponse::SERVING ? kExitOk : kExitRefused;
}

}  // namespace token_service::client
