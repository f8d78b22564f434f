#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/config/config.h"
#include "server/config/config.pb.h"
#include "server/config/source.h"

namespace token_service::app {

// Ten years: no sum of such durations and a date overflows.
inline constexpr absl::Duration kLongestSetting = absl::Hours(24 * 3650);
inline constexpr absl::Duration kShortestSetting = absl::Milliseconds(1);

broker::ClientAuth ClientAuthOf(token::config::ClientAuth from);

// Whether a request has a parameter of this name by itself (RFC 6749 section 6).
bool IsOwnParameter(std::string_view name);

// Checks the keys that may stand in `defaults` and on a credential, and puts those that are given
// into `into`: a key of the credential replaces that of the defaults, lists and maps as a whole.
// `path` is where they stand.
absl::Status ReadCredentialKeys(const token::config::Defaults& from, const std::string& path,
                                const ConfigSource& source, CredentialDefaults& into);
absl::Status ReadCredentialKeys(const token::config::Credential& from, const std::string& path,
                                const ConfigSource& source, CredentialDefaults& into);

}  // namespace token_service::app
