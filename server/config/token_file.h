#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/secret.h"

namespace token_service::app {

// Reads a file that holds one refresh token or one client secret. White space around it is trimmed;
// what is left must be 1 to 16384 characters of VSCHAR (RFC 6749 appendix A).
//
// An error's message is `PATH: what is wrong`, and never a byte of the content: NOT_FOUND,
// PERMISSION_DENIED, otherwise INVALID_ARGUMENT. Only regular files: reading never waits for
// anybody. Any thread that may block.
absl::StatusOr<Secret> ReadTokenFile(const std::string& path);

// The whole of a file of at most 64 KiB; otherwise as ReadTokenFile.
absl::StatusOr<Secret> ReadSecretFile(const std::string& path);

// Somebody wrote to it a moment before `now`, and may not be done; or it cannot be told.
bool ChangedLately(const std::string& path, absl::Time now);

// OK when this is a regular file that this process may read; the errors of ReadTokenFile. Reads
// nothing.
absl::Status CheckReadable(const std::string& path);

}  // namespace token_service::app
