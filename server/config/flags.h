#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace token_service::app {

enum class Command {
  kServe,
  kCheckConfig,  // --check_config
  kRekey,        // rekey
  kInit,         // init
  kBackup,       // backup FILE
  kRestore,      // restore FILE
  kProviders,    // providers [NAME]
  kHelp,         // --help: print UsageText, exit 0.
  kVersion,      // --version
};

// What was typed. A flag that was not given is empty.
struct CommandLine {
  Command command = Command::kServe;
  std::string config;
  std::vector<std::string> listen;  // --listen may be repeated.
  std::string data_dir;
  std::string token_endpoint;
  std::string client_id;
  std::string refresh_token_file;
  std::string sealing_key_file;
  std::string file;    // Of backup and restore; the NAME of providers.
  bool force = false;  // --force: restore over what is there.
  bool hold = false;   // --hold: with everything held, see broker::CredentialRecord::held_since.

  // Flags that stand for a configuration file were given.
  bool describes_server() const;
};

// `--flag=value` or `--flag value`; `--check_config`, or with =true or =false. INVALID_ARGUMENT,
// one line, for an unknown flag, a flag twice, a missing or empty value, a stray argument, --config
// together with the flags that take its place: exit 2. No message shows a value, which may be a
// secret that went astray.
//
// (Abseil's flags are not used: their parser exits by itself, with 1, and keeps the values in
// globals.)
absl::StatusOr<CommandLine> ParseFlags(const std::vector<std::string>& arguments);

// For --help.
std::string_view UsageText();

}  // namespace token_service::app
