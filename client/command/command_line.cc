#include "client/command/command_line.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "CLI/CLI.hpp"
#include "client/command/command.h"
#include "client/command/exit_code.h"
#include "client/command/get_command.h"

namespace token_service::client {
namespace {

constexpr char kFooter[] = R"text(
Exit status: 0; 1 when the server says no or is not there; 2 for wrong usage.
Plaintext to this machine and to unix sockets, TLS to all others and whenever a --tls_ flag is given.

  token-client get
  curl -H "$(token-client get --format=header)" https://api.socialboards.com/v2/tickets)text";

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments, std::ostream& out,
                   std::ostream& err) {
  CLI::App app("Gets access tokens from token-server.", "token-client");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  ConnectionFlags connection;
  AddConnectionFlags(app, connection);

  std::vector<std::pair<CLI::App*, std::unique_ptr<Command>>> commands;
  const auto add = [&](std::unique_ptr<Command> command) {
    CLI::App* parsed = command->AddTo(app);
    commands.emplace_back(parsed, std::move(command));
  };
  add(std::make_unique<GetCommand>());

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& help) {
    app.exit(help, out, err);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    err << "token-client: " << error.what() << " (token-client --help tells more)\n";
    return kExitUsage;
  }
  for (const auto& [parsed, command] : commands) {
    if (parsed->parsed()) return command->Run(connection, out, err);
  }
  return kExitUsage;
}

}  // namespace token_service::client
