#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/command/child_process.h"
#include "client/command/command.h"
#include "client/command/token_file.h"
#include "client/command/token_format.h"
#include "token_service/token_source.h"

namespace token_service::client {

// `token-client exec -- CMD`: runs a program that wants a token, and returns its exit status.
class ExecCommand final : public Command {
 public:
  // Of a shell, for a program that is not there or cannot be run; and what is added to the number
  // of the signal that killed the child.
  static constexpr int kExitNotFound = 127;
  static constexpr int kExitNotExecutable = 126;
  static constexpr int kExitSignal = 128;

  CLI::App* AddTo(CLI::App& app) override;
  int Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) override;

 private:
  int RunWith(TokenSource& source, const HeldSignals& signals, const ConnectionFlags& connection,
              std::ostream& err);
  int Stay(pid_t child, TokenSource& source, const HeldSignals& signals, TokenFile* file,
           std::ostream& err);

  TokenFormat format_ = TokenFormat::kToken;
  std::string token_file_;
  std::string token_env_;
  int token_fd_ = -1;
  std::vector<std::string> command_;
};

}  // namespace token_service::client
