#include "client/command/credential_command.h"

#include <map>
#include <variant>

#include "CLI/CLI.hpp"
#include "client/command/exit_code.h"

namespace token_service::client {

int CredentialCommand::Run(const ConnectionFlags& connection, std::ostream& out,
                           std::ostream& err) {
  const auto channel = CreateChannel(connection.channel);
  if (!channel.ok()) {
    err << "token-client: " << channel.status().message() << "\n";
    return kExitUsage;
  }
  Session session{CredentialClient(*channel, connection.timeout), connection, out, err};
  return RunWith(session);
}

void CredentialCommand::AddFormatFlag(CLI::App& app) {
  const std::map<std::string, CredentialFormat> formats = {{"text", CredentialFormat::kText},
                                                           {"json", CredentialFormat::kJson}};
  app.add_option_function<std::string>(
         "--format", [this, formats](const std::string& name) { format_ = formats.at(name); },
         "text: for people; json: the message")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->type_name("text|json")
      ->default_str("text");
}

void CredentialCommand::AddName(CLI::App& app) {
  app.add_option("name", name_, "the credential's name")->required()->type_name("NAME");
}

int CredentialCommand::Print(const std::string& text, Session& session) const {
  session.out << text << std::endl;
  if (session.out.good()) return kExitOk;
  session.err << "token-client: cannot write the answer\n";
  return kExitRefused;
}

int CredentialCommand::Print(const CredentialClient::Answer& answer, Session& session) const {
  if (const auto* error = std::get_if<TokenError>(&answer)) return Refuse(*error, session);
  return Print(FormatCredential(std::get<token::v1::Credential>(answer), format_), session);
}

int CredentialCommand::Refuse(const TokenError& error, Session& session) {
  session.err << "token-client: " << session.connection.channel.server << ": " << Describe(error)
              << "\n";
  return kExitRefused;
}

int CredentialCommand::WrongUsage(absl::string_view flag, absl::string_view what,
                                  Session& session) {
  session.err << "token-client: " << flag << ": " << what << "\n";
  return kExitUsage;
}

}  // namespace token_service::client
