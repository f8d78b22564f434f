#include <cstdlib>
#include <iostream>

#include "client/command/command_line.h"

int main(int argc, char** argv) {
  // The library's own lines would bury the one that is for people. Whoever wants them sets this.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  return token_service::client::RunCommandLine({argv + 1, argv + argc}, std::cout, std::cerr);
}
