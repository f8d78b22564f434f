#include "client/command/evidence_command.h"

#include <variant>

#include "absl/strings/str_cat.h"

namespace token_service::client {

CLI::App* EvidenceCommand::AddTo(CLI::App& app) {
  CLI::App* command = nullptr;
  switch (action_) {
    case Action::kList:
      command = app.add_subcommand(
          "evidence", "List the provider's answers that are kept, and what they have; no value");
      break;
    case Action::kAdopt:
      command = app.add_subcommand("adopt-evidence",
                                   "Go on with the refresh token that stands in a kept answer");
      break;
    case Action::kDiscard:
      command = app.add_subcommand("discard-evidence",
                                   "Purge a kept answer: what was sent may be sent again");
      break;
  }
  AddName(*command);
  if (action_ != Action::kList) {
    command->add_option("id", id_, "which one: see `credential evidence`")
        ->required()
        ->type_name("ID");
  }
  if (action_ == Action::kAdopt) {
    command
        ->add_option("--refresh_token_path", refresh_token_path_,
                     "where it stands: names joined by dots, as `credential evidence` shows them")
        ->required()
        ->type_name("PATH");
    command
        ->add_option("--access_token_path", access_token_path_,
                     "where the access token stands beside it, to be sure")
        ->type_name("PATH");
  }
  AddFormatFlag(*command);
  return command;
}

int EvidenceCommand::RunWith(Session& session) {
  if (action_ == Action::kList) {
    token::v1::ListEvidenceRequest request;
    request.set_name(name_);
    const auto answer = session.client.ListEvidence(request);
    if (const auto* error = std::get_if<TokenError>(&answer)) return Refuse(*error, session);
    return Print(FormatEvidence(std::get<token::v1::ListEvidenceResponse>(answer), format_),
                 session);
  }
  if (action_ == Action::kAdopt) {
    token::v1::AdoptEvidenceRequest request;
    request.set_name(name_);
    request.set_evidence_id(id_);
    request.set_refresh_token_path(refresh_token_path_);
    request.set_access_token_path(access_token_path_);
    return Print(session.client.AdoptEvidence(request), session);
  }
  token::v1::DiscardEvidenceRequest request;
  request.set_name(name_);
  request.set_evidence_id(id_);
  if (const auto error = session.client.DiscardEvidence(request)) return Refuse(*error, session);
  const bool json = format_ == CredentialFormat::kJson;
  return Print(json ? "{}" : absl::StrCat("evidence ", id_, " of ", name_, " is discarded"),
               session);
}

}  // namespace token_service::client
