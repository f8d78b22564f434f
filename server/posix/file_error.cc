#include "server/posix/file_error.h"

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace token_service::posix {

std::string ErrorText(int error_number) { return std::generic_category().message(error_number); }

absl::Status FileError(std::string_view doing, const std::string& path, int error_number) {
  const std::string text =
      absl::StrCat(std::string(doing), " ", path, ": ", ErrorText(error_number));
  switch (error_number) {
    case ENOENT:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EMFILE:
    case ENFILE:
      return absl::UnavailableError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

}  // namespace token_service::posix
