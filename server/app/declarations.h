#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "server/app/config/config.h"
#include "server/base/secret.h"
#include "server/broker/credential.h"

namespace token_service::app {

// What a configuration says of one credential, and what is in the files that it names for it.
struct Declared {
  broker::CredentialSettingsPtr settings;
  std::string refresh_token_file;
  absl::StatusOr<Secret> refresh_token;
  bool stored = false;
};

struct Declarations {
  CredentialDefaults defaults;
  ProviderDeclarations providers;              // With the secrets that are in files.
  Secret default_key;                          // PEM; empty: none.
  std::set<std::string, std::less<>> origins;  // Of credentials made by RPC: see OriginOf.
  bool builtin_origins = false;                // And those of the built-in providers.
  std::map<std::string, Declared, std::less<>> credentials;
};

}  // namespace token_service::app
