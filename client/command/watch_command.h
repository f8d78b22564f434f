#pragma once

#include "client/command/command.h"
#include "client/command/token_format.h"

namespace token_service::client {

// `token-client watch`: prints the current access token and then each new one, a line each, until
// the server ends the stream.
class WatchCommand final : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) override;

 private:
  TokenFormat format_ = TokenFormat::kToken;
};

}  // namespace token_service::client
