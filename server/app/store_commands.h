#pragma once

#include <string>

#include "server/store/sqlite/restore.h"

namespace token_service::app {

// `token-server init`, `backup FILE` and `restore FILE`. What was done goes to stdout, one line for
// the operator to stderr when it was not. Returns the exit code: 0 done, 1 not. Blocks.
int RunInit(const store::StoreOptions& options);
int RunBackup(const store::StoreOptions& options, const std::string& file);
int RunRestore(const store::StoreOptions& options, const std::string& file,
               store::Overwrite overwrite);

}  // namespace token_service::app
