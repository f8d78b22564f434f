#include "client/command/list_credentials_command.h"

namespace token_service::client {
namespace {

constexpr int kPageSize = 200;

}  // namespace

CLI::App* ListCredentialsCommand::AddTo(CLI::App& app) {
  CLI::App* command = app.add_subcommand("list", "List the credentials");
  AddFormatFlag(*command);
  return command;
}

int ListCredentialsCommand::RunWith(Session& session) {
  token::v1::ListCredentialsRequest request;
  request.set_page_size(kPageSize);
  token::v1::ListCredentialsResponse all;
  do {
    const CredentialClient::Page answer = session.client.List(request);
    if (const auto* error = std::get_if<TokenError>(&answer)) return Refuse(*error, session);
    const auto& page = std::get<token::v1::ListCredentialsResponse>(answer);
    all.mutable_credentials()->MergeFrom(page.credentials());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return Print(FormatCredentials(all, format_), session);
}

}  // namespace token_service::client
