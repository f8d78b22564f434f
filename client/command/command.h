#pragma once

#include <ostream>

#include "CLI/App.hpp"
#include "client/command/connection_flags.h"

namespace token_service::client {

// One subcommand of token-client. Lives as long as the CLI::App it was added to.
class Command {
 public:
  virtual ~Command() = default;

  // Declares the subcommand and its flags; called once. Returns what was added.
  virtual CLI::App* AddTo(CLI::App& app) = 0;

  // Called when the command line named this command. `out` is for what was asked, `err` for one
  // line when there is nothing to give. Returns an ExitCode.
  virtual int Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) = 0;
};

}  // namespace token_service::client
