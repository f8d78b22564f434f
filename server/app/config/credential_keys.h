#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/app/config/config.h"
#include "server/app/config/config.pb.h"
#include "server/app/config/source.h"

namespace token_service::app {

// Checks the keys that may stand in `defaults` and on a credential, and puts those that are given
// into `into`: a key of the credential replaces that of the defaults, lists and maps as a whole.
// `path` is where they stand.
absl::Status ReadCredentialKeys(const token::config::Defaults& from, const std::string& path,
                                const ConfigSource& source, CredentialDefaults& into);
absl::Status ReadCredentialKeys(const token::config::Credential& from, const std::string& path,
                                const ConfigSource& source, CredentialDefaults& into);

}  // namespace token_service::app
