#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace token_service::posix {

// Names the path and the system's word for the cause, never the contents.
// NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION; UNAVAILABLE when the disk is full or fails.
absl::Status FileError(std::string_view doing, const std::string& path, int error_number);

// The system's word for an errno.
std::string ErrorText(int error_number);

}  // namespace token_service::posix
