#pragma once

namespace token_service::client {

// What the program answers to its shell.
enum ExitCode : int {
  kExitOk = 0,
  kExitRefused = 1,  // The server said no, or is not there.
  kExitUsage = 2,    // Flags, or a file that a flag names.
};

}  // namespace token_service::client
