#include "client/command/command_line.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "client/command/command.h"
#include "client/command/evidence_command.h"
#include "client/command/exec_command.h"
#include "client/command/exit_code.h"
#include "client/command/get_command.h"
#include "client/command/health_command.h"
#include "client/command/import_command.h"
#include "client/command/list_credentials_command.h"
#include "client/command/named_credential_command.h"
#include "client/command/watch_command.h"
#include "client/command/write_credential_command.h"

namespace token_service::client {
namespace {

constexpr size_t kMostWordBytes = 32;

constexpr char kFooter[] = R"text(
Exit status: 0; 1 when the server says no or is not there; 2 for wrong usage.
Plaintext to this machine and to unix sockets, TLS to all others and whenever a --tls_ flag is given.

  token-client get
  token-client exec --token_file=/run/user/1000/token -- my-program
  token-client credential create inbox --client_id=ID --refresh_token_file=FILE
  curl -H "$(token-client get --format=header)" https://api.socialboards.com/v2/tickets)text";

// In the reverse order that CLI11 wants. `--flag=` becomes `--flag ""`: CLI11 would take the next
// argument for its value. What comes after `--` is not ours.
std::vector<std::string> ForParser(const std::vector<std::string>& arguments) {
  std::vector<std::string> parsed;
  bool ours = true;
  for (const std::string& argument : arguments) {
    ours = ours && argument != "--";
    const bool empty_value =
        ours && argument.starts_with("--") && argument.find('=') + 1 == argument.size();
    parsed.push_back(empty_value ? argument.substr(0, argument.size() - 1) : argument);
    if (empty_value) parsed.emplace_back();
  }
  std::reverse(parsed.begin(), parsed.end());
  return parsed;
}

// Without the value, which may be a secret that went astray; CLI11 would repeat it.
std::string Unexpected(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument.starts_with("-")) return "unknown flag " + argument.substr(0, argument.find('='));
  }
  return "an argument that is not expected";
}

// What stands where a command should. Names what looks like a word: anything else
// may be a secret that went astray.
std::string MissingCommand(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return "a command is missing";
  const std::string& argument = arguments.front();
  if (argument.starts_with("-")) return Unexpected(arguments);
  const bool word = argument.size() <= kMostWordBytes &&
                    std::all_of(argument.begin(), argument.end(), [](unsigned char c) {
                      return absl::ascii_islower(c) || c == '-' || c == '_';
                    });
  return word ? "there is no command '" + argument + "'" : "an unknown command";
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments, std::ostream& out,
                   std::ostream& err) {
  CLI::App app("Gets access tokens from token-server, and keeps its credentials.", "token-client");
  app.footer(kFooter);
  app.set_version_flag("--version", "token-client " TOKEN_SERVICE_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  ConnectionFlags connection;
  AddConnectionFlags(app, connection);

  std::vector<std::pair<CLI::App*, std::unique_ptr<Command>>> commands;
  const auto add = [&](CLI::App& to, std::unique_ptr<Command> command) {
    CLI::App* parsed = command->AddTo(to);
    commands.emplace_back(parsed, std::move(command));
  };
  add(app, std::make_unique<GetCommand>());
  add(app, std::make_unique<WatchCommand>());
  add(app, std::make_unique<ExecCommand>());
  add(app, std::make_unique<HealthCommand>());

  using Named = NamedCredentialCommand;
  using Write = WriteCredentialCommand;
  CLI::App& credential = *app.add_subcommand("credential", "Keep the credentials, as an operator");
  credential.require_subcommand(1);
  add(credential, std::make_unique<Write>(Write::Action::kCreate));
  for (const auto action : {EvidenceCommand::Action::kList, EvidenceCommand::Action::kAdopt,
                            EvidenceCommand::Action::kDiscard}) {
    add(credential, std::make_unique<EvidenceCommand>(action));
  }
  add(credential, std::make_unique<ListCredentialsCommand>());
  add(credential, std::make_unique<ImportCommand>(ImportCommand::Action::kImport));
  add(credential, std::make_unique<ImportCommand>(ImportCommand::Action::kApply));
  add(credential, std::make_unique<Named>(Named::Action::kShow));
  add(credential, std::make_unique<Write>(Write::Action::kUpdate));
  add(credential, std::make_unique<Write>(Write::Action::kReplaceRefreshToken));
  add(credential, std::make_unique<Named>(Named::Action::kRefresh));
  add(credential, std::make_unique<Named>(Named::Action::kRelease));
  add(credential, std::make_unique<Named>(Named::Action::kDelete));

  try {
    app.parse(ForParser(arguments));
  } catch (const CLI::Success& help) {
    app.exit(help, out, err);
    return kExitOk;
  } catch (const CLI::RequiredError& error) {
    const CLI::App& asked = credential.parsed() ? credential : app;
    err << "token-client: "
        << (asked.get_subcommands().empty() ? MissingCommand(app.remaining(/*recurse=*/true))
                                            : error.what())
        << " (token-client --help tells more)\n";
    return kExitUsage;
  } catch (const CLI::ExtrasError&) {
    err << "token-client: " << Unexpected(app.remaining(/*recurse=*/true))
        << " (token-client --help tells more)\n";
    return kExitUsage;
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
