#include "client/command/named_credential_command.h"

#include "absl/strings/str_cat.h"

namespace token_service::client {

CLI::App* NamedCredentialCommand::AddTo(CLI::App& app) {
  CLI::App* command = nullptr;
  switch (action_) {
    case Action::kShow:
      command = app.add_subcommand("show", "Show one credential and how it is doing");
      break;
    case Action::kRefresh:
      command = app.add_subcommand("refresh", "Get a new access token now, whatever holds it back");
      command->add_flag(
          "--even_if_rejected", even_if_rejected_,
          "also when the grant is dead, or an unreadable answer is kept: where reuse is "
          "detected, that may end the grant");
      break;
    case Action::kRelease:
      command = app.add_subcommand(
          "release", "End the state HELD; only if nobody has used the refresh token since");
      break;
    case Action::kDelete:
      command = app.add_subcommand("delete", "Purge a credential and all that is stored with it");
      break;
  }
  AddName(*command);
  AddFormatFlag(*command);
  return command;
}

int NamedCredentialCommand::RunWith(Session& session) {
  if (action_ == Action::kShow) {
    token::v1::GetCredentialRequest request;
    request.set_name(name_);
    return Print(session.client.Get(request), session);
  }
  if (action_ == Action::kRefresh) {
    token::v1::RefreshCredentialRequest request;
    request.set_name(name_);
    request.set_even_if_rejected(even_if_rejected_);
    return Print(session.client.Refresh(request), session);
  }
  if (action_ == Action::kRelease) {
    token::v1::ReleaseCredentialRequest request;
    request.set_name(name_);
    return Print(session.client.Release(request), session);
  }
  token::v1::DeleteCredentialRequest request;
  request.set_name(name_);
  if (const auto error = session.client.Delete(request)) return Refuse(*error, session);
  const bool json = format_ == CredentialFormat::kJson;
  return Print(json ? "{}" : absl::StrCat(name_, " is deleted"), session);
}

}  // namespace token_service::client
