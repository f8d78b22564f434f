#pragma once

#include "server/store/sqlite/open_credential_store.h"

namespace token_service::app {

// `token-server rekey`: seals anew what the store holds, and says on stdout what was done and, for
// each key, how much still needs it. The exit code: 0 when nothing needs any key but the first,
// else 1, with why on stderr. Blocks.
int RunRekey(const store::StoreOptions& options);

}  // namespace token_service::app
