#pragma once

#include <string>

#include "client/command/credential_command.h"

namespace token_service::client {

// `token-client credential evidence NAME`, `… adopt-evidence NAME ID`, `… discard-evidence NAME
// ID`.
class EvidenceCommand final : public CredentialCommand {
 public:
  enum class Action { kList, kAdopt, kDiscard };

  explicit EvidenceCommand(Action action) : action_(action) {}

  CLI::App* AddTo(CLI::App& app) override;

 private:
  int RunWith(Session& session) override;

  const Action action_;
  std::string id_;
  std::string refresh_token_path_;
  std::string access_token_path_;
};

}  // namespace token_service::client
