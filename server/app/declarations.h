#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/secret.h"
#include "server/broker/credential.h"
#include "server/config/config.h"

namespace token_service::app {

// What a configuration says of one credential, and what is in the files that it names for it.
struct Declared {
  broker::CredentialSettingsPtr settings;
  std::string refresh_token_file;
  absl::StatusOr<Secret> refresh_token;
};

struct Declarations {
  CredentialDefaults defaults;
  ProviderDeclarations providers;              // With the secrets that are in files.
  Secret default_key;                          // PEM; empty: none.
  std::set<std::string, std::less<>> origins;  // Of credentials made by RPC: see OriginOf.
  bool builtin_origins = false;                // And those of the built-in providers.
  std::map<std::string, Declared, std::less<>> credentials;
};

// Of files alone. INVALID_ARGUMENT: one that is needed whatever is stored cannot be used; one line.
// What is wrong with a refresh token's is in its place, an INVALID_ARGUMENT too. Calls `progress`
// now and then. Blocks. A refresh token that was written just now is read again after `pause`,
// until two looks agree: half a token must not be taken for one.
absl::StatusOr<Declarations> ReadDeclarations(const ServerConfig& config,
                                              absl::FunctionRef<void()> progress,
                                              absl::FunctionRef<void(absl::Duration)> pause);

// INVALID_ARGUMENT: the refresh token of one that is not stored cannot be used. What the store
// holds needs none any more: its file may be gone.
absl::Status CheckTokens(const Declarations& read,
                         absl::FunctionRef<bool(std::string_view)> is_stored);

}  // namespace token_service::app
