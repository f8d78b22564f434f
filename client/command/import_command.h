#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/command/credential_command.h"

namespace token_service::client {

// `token-client credential import FILE` and `apply -f FILE`: many credentials, a line each
// (credential_line.h). Import makes what is not there and leaves what is; apply also changes what
// is there and differs. Neither deletes, and neither gives a credential that is there another
// refresh token, unless a change of where it goes takes that. A second run changes nothing.
//
// Lines that cannot be taken do not stop the others: exit 1, and each is told with its number.
class ImportCommand final : public CredentialCommand {
 public:
  enum class Action { kImport, kApply };
  explicit ImportCommand(Action action) : action_(action) {}

  CLI::App* AddTo(CLI::App& app) override;

 private:
  struct Line {
    size_t number = 0;
    token::v1::Credential credential;
    // What became of it; empty until it is known.
    std::string outcome = {};
    bool failed = false;
  };
  using Stored = std::map<std::string, token::v1::Credential>;

  int RunWith(Session& session) override;
  absl::StatusOr<std::vector<Line>> ReadLines() const;
  void Take(const Stored& stored, Line& line, CredentialClient& client) const;
  void Create(Line& line, CredentialClient& client) const;
  void Change(const token::v1::Credential& there, const std::vector<std::string>& differ,
              Line& line, CredentialClient& client) const;
  int Report(const std::vector<Line>& lines, Session& session) const;

  const Action action_;
  std::string file_;
  bool dry_run_ = false;
};

}  // namespace token_service::client
