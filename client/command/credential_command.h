#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "client/command/command.h"
#include "client/command/credential_format.h"
#include "token_service/credential_client.h"

namespace token_service::client {

// What the subcommands of `token-client credential` have in common: a connection, --format, and an
// error on one line.
class CredentialCommand : public Command {
 public:
  int Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) final;

 protected:
  // Where a call goes, and what becomes of its answer.
  struct Session {
    CredentialClient client;
    const ConnectionFlags& connection;
    std::ostream& out;
    std::ostream& err;
  };

  virtual int RunWith(Session& session) = 0;

  void AddFormatFlag(CLI::App& app);
  // NAME, required.
  void AddName(CLI::App& app);

  int Print(const std::string& text, Session& session) const;
  int Print(const CredentialClient::Answer& answer, Session& session) const;
  static int Refuse(const TokenError& error, Session& session);
  static int WrongUsage(absl::string_view flag, absl::string_view what, Session& session);

  CredentialFormat format_ = CredentialFormat::kText;
  std::string name_;
};

}  // namespace token_service::client
