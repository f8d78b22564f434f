#pragma once

#include "client/command/credential_command.h"

namespace token_service::client {

// `token-client credential list`: all of them, whatever number of pages that takes.
class ListCredentialsCommand final : public CredentialCommand {
 public:
  CLI::App* AddTo(CLI::App& app) override;

 private:
  int RunWith(Session& session) override;
};

}  // namespace token_service::client
