#include "client/command/write_credential_command.h"

#include "CLI/CLI.hpp"
#include "client/command/exit_code.h"
#include "client/command/secret_input.h"

namespace token_service::client {

CLI::App* WriteCredentialCommand::AddTo(CLI::App& app) {
  switch (action_) {
    case Action::kCreate:
      command_ = app.add_subcommand("create", "Make a credential of a refresh token");
      break;
    case Action::kUpdate:
      command_ = app.add_subcommand("update", "Change the fields whose flags are given");
      break;
    case Action::kReplaceRefreshToken:
      command_ = app.add_subcommand("replace-refresh-token", "Put a new grant in place of the old");
      break;
  }
  AddName(*command_);
  if (action_ != Action::kReplaceRefreshToken) AddProfileFlags(*command_);
  if (action_ == Action::kCreate) {
    command_
        ->add_option("--grant", *credential_.mutable_grant(),
                     "by what it gets tokens; the last two have no refresh token")
        ->check(
            CLI::IsMember({"refresh_token", "client_credentials", "jwt_bearer"}).description(""))
        ->type_name("refresh_token|client_credentials|jwt_bearer");
  }
  command_
      ->add_option("--refresh_token_file", refresh_token_file_,
                   "file that holds the refresh token; -: standard input")
      ->required(action_ == Action::kReplaceRefreshToken)
      ->type_name("FILE");
  AddFormatFlag(*command_);
  return command_;
}

void WriteCredentialCommand::AddProfileFlags(CLI::App& app) {
  const auto add = [&app](const std::string& name, std::string& value, const std::string& what) {
    return app.add_option(name, value, what)->type_name("TEXT");
  };
  add("--purpose", *credential_.mutable_purpose(), "what it is for, for people");
  add("--client_id", *credential_.mutable_client_id(), "the client's id at the provider")
      ->required(action_ == Action::kCreate);
  add("--token_endpoint", *credential_.mutable_token_endpoint(),
      "where refresh tokens are exchanged; without it the server's default")
      ->type_name("URL");
  add("--scope", *credential_.mutable_scope(), "sent with each refresh");
  add("--provider", *credential_.mutable_provider(),
      "whose rules its token endpoint has: see `token-server providers`")
      ->type_name("NAME");
  add("--client_auth", *credential_.mutable_client_auth(), "how the client proves itself")
      ->check(CLI::IsMember({"none", "client_secret_post", "client_secret_basic",
                             "client_secret_basic_raw", "private_key_jwt"})
                  .description(""))
      ->type_name(
          "none|client_secret_post|client_secret_basic|client_secret_basic_raw|private_key_jwt");
  add("--client_secret_file", client_secret_file_,
      "file that holds the client secret; -: standard input")
      ->type_name("FILE");
}

token::v1::UpdateCredentialRequest WriteCredentialCommand::UpdateRequest() const {
  token::v1::UpdateCredentialRequest request;
  *request.mutable_credential() = credential_;
  for (const std::string_view path : {"purpose", "client_id", "token_endpoint", "scope", "provider",
                                      "client_auth", "client_secret", "refresh_token"}) {
    const bool secret = path == "client_secret" || path == "refresh_token";
    const std::string flag = "--" + std::string(path) + (secret ? "_file" : "");
    if (command_->count(flag) > 0) request.mutable_update_mask()->add_paths(std::string(path));
  }
  return request;
}

int WriteCredentialCommand::RunWith(Session& session) {
  credential_.set_name(name_);
  if (refresh_token_file_ == "-" && client_secret_file_ == "-") {
    return WrongUsage("--client_secret_file", "standard input holds one secret only", session);
  }
  if (!client_secret_file_.empty()) {
    auto secret = ReadSecret(client_secret_file_);
    if (!secret.ok()) return WrongUsage("--client_secret_file", secret.status().message(), session);
    credential_.set_client_secret(*std::move(secret));
  }
  if (!refresh_token_file_.empty()) {
    auto refresh_token = ReadSecret(refresh_token_file_);
    if (!refresh_token.ok()) {
      return WrongUsage("--refresh_token_file", refresh_token.status().message(), session);
    }
    credential_.set_refresh_token(*std::move(refresh_token));
  }
  const std::string& grant = credential_.grant();
  const bool wants_token = grant.empty() || grant == "refresh_token";
  if (action_ == Action::kCreate && wants_token && refresh_token_file_.empty()) {
    return WrongUsage("--refresh_token_file", "is required", session);
  }
  if (action_ == Action::kUpdate) {
    const auto request = UpdateRequest();
    // An empty mask would mean all that is set, which is nothing.
    if (request.update_mask().paths().empty()) {
      return WrongUsage("update", "no flag says what is to be changed", session);
    }
    return Print(session.client.Update(request), session);
  }
  if (action_ == Action::kReplaceRefreshToken) {
    token::v1::ReplaceRefreshTokenRequest request;
    request.set_name(name_);
    request.set_refresh_token(credential_.refresh_token());
    return Print(session.client.ReplaceRefreshToken(request), session);
  }
  token::v1::CreateCredentialRequest request;
  *request.mutable_credential() = credential_;
  return Print(session.client.Create(request), session);
}

}  // namespace token_service::client
