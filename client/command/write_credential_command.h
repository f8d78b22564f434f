#pragma once

#include <string>

#include "client/command/credential_command.h"

namespace token_service::client {

// `token-client credential create|update|replace-refresh-token NAME`.
class WriteCredentialCommand final : public CredentialCommand {
 public:
  enum class Action { kCreate, kUpdate, kReplaceRefreshToken };

  explicit WriteCredentialCommand(Action action) : action_(action) {}

  CLI::App* AddTo(CLI::App& app) override;

 private:
  int RunWith(Session& session) override;

  void AddProfileFlags(CLI::App& app);
  // The flags given are the fields to be changed.
  token::v1::UpdateCredentialRequest UpdateRequest() const;

  const Action action_;
  CLI::App* command_ = nullptr;
  token::v1::Credential credential_;  // As the flags say.
  std::string refresh_token_file_;
  std::string client_secret_file_;
};

}  // namespace token_service::client
