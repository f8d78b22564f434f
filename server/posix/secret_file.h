#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret.h"

namespace token_service::posix {

struct SecretFile {
  Secret contents;
  bool readable_by_others = false;  // Group or others may read it.
};

// Reads the whole of a regular file of at most `max_size` bytes, without waiting for anybody. An
// error's message is `PATH: what is wrong`, and never a byte of the content: NOT_FOUND,
// PERMISSION_DENIED, otherwise INVALID_ARGUMENT.
absl::StatusOr<SecretFile> ReadSecretFile(const std::string& path, size_t max_size);

// OK when ReadSecretFile could open it; its errors. Reads nothing.
absl::Status CheckReadable(const std::string& path);

}  // namespace token_service::posix
