#pragma once

#include "client/command/command.h"

namespace token_service::client {

// `token-client health`: whether the server is ready to hand out tokens (grpc.health.v1), for
// probes. It takes no identity that `callers` knows.
class HealthCommand : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) override;
};

}  // namespace token_service::client
