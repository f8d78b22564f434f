#pragma once

#include <string>

#include "tests/sandbox/sandbox_server.h"

namespace token_service::sandbox {

struct CommandLine {
  SandboxServer::Options options;
  std::string credential_name;
  std::string refresh_token_file;  // Empty: none.
};

// Reads the flags. Ends the process for --help (0) and for what it does not understand (2).
CommandLine ParseFlags(int argc, char** argv);

// One line on stderr, then exit code 2.
[[noreturn]] void DieOfUsage(std::string_view message);

}  // namespace token_service::sandbox
