#pragma once

#include <cstdint>

#include "client/command/command.h"
#include "client/command/token_format.h"

namespace token_service::client {

// `token-client get`: prints the current access token.
class GetCommand : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(const ConnectionFlags& connection, std::ostream& out, std::ostream& err) override;

 private:
  token::v1::GetAccessTokenRequest Request(const ConnectionFlags& connection) const;

  TokenFormat format_ = TokenFormat::kToken;
  CLI::Option* min_validity_given_ = nullptr;
  absl::Duration min_validity_;
  uint64_t rejected_generation_ = 0;
};

}  // namespace token_service::client
