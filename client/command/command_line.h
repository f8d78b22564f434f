#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace token_service::client {

// All of token-client but main: parses `arguments` (without the program's name) and runs the
// command they name. Returns an ExitCode; whatever goes wrong is one line on `err`.
int RunCommandLine(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace token_service::client
