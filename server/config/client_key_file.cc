#include "server/config/client_key_file.h"

#include "absl/strings/str_cat.h"
#include "server/config/token_file.h"
#include "server/jose/signing_key.h"

namespace token_service::app {

absl::StatusOr<Secret> ReadClientKeyFile(const std::string& path, std::string_view algorithm) {
  absl::StatusOr<Secret> pem = ReadSecretFile(path);
  if (!pem.ok()) return pem.status();
  const auto key = jose::SigningKey::FromPem(*pem, algorithm);
  const absl::Status works = key.ok() ? key->TryOut() : key.status();
  if (works.ok()) return pem;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", works.message()));
}

}  // namespace token_service::app
