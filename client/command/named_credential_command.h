#pragma once

#include "client/command/credential_command.h"

namespace token_service::client {

// `token-client credential show|refresh|release|delete NAME`.
class NamedCredentialCommand final : public CredentialCommand {
 public:
  enum class Action { kShow, kRefresh, kRelease, kDelete };

  explicit NamedCredentialCommand(Action action) : action_(action) {}

  CLI::App* AddTo(CLI::App& app) override;

 private:
  int RunWith(Session& session) override;

  const Action action_;
  bool even_if_rejected_ = false;
};

}  // namespace token_service::client
