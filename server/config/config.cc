#include "server/config/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/config/client_key_file.h"
#include "server/config/config.pb.h"
#include "server/config/source.h"
#include "server/config/tls.h"
#include "server/config/token_file.h"
#include "server/config/validate.h"
#include "server/config/yaml.h"

namespace token_service::app {
namespace {

absl::Status CheckDataDir(const std::string& path) {
  std::error_code error;
  const auto facts = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(facts)) {
    if (access(path.c_str(), R_OK | W_OK | X_OK) == 0) return absl::OkStatus();
    return absl::PermissionDeniedError(absl::StrCat("data_dir: ", path, ": not writable"));
  }
  if (std::filesystem::exists(facts)) {
    return absl::InvalidArgumentError(absl::StrCat("data_dir: ", path, ": is not a directory"));
  }
  return absl::OkStatus();  // The server makes it.
}

}  // namespace

CredentialDefaults CredentialDefaults::Copy() const {
  return {.settings = settings.Copy(),
          .client_secret_files = client_secret_files,
          .client_key_file = client_key_file,
          .provider = provider};
}

absl::StatusOr<ServerConfig> ParseConfig(std::string_view text, std::string_view file_name) {
  ConfigSource source = ConfigSource::File(file_name);
  token::config::ConfigFile file;
  if (absl::Status status = YamlToProto(text, source, file); !status.ok()) return status;
  return ValidateConfig(file, source);
}

absl::StatusOr<ServerConfig> LoadConfig(const std::string& file_name) {
  if (absl::Status status = CheckReadable(file_name); !status.ok()) return status;
  std::ifstream in(file_name, std::ios::binary);
  // One byte more than is allowed: ParseConfig sees that it is too long.
  std::string text(kMaxConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return absl::InvalidArgumentError(absl::StrCat(file_name, ": cannot be read"));
  text.resize(static_cast<size_t>(in.gcount()));
  return ParseConfig(text, file_name);
}

absl::Status CheckNamedFile(const NamedFile& file) {
  const auto look = [&file] {
    switch (file.holds) {
      case NamedFile::Holds::kToken:
        return ReadTokenFile(file.path).status();
      case NamedFile::Holds::kClientKey:
        return ReadClientKeyFile(file.path, file.algorithm).status();
      case NamedFile::Holds::kAuthorities:
        return tls::CheckAuthorities(file.path);
      case NamedFile::Holds::kAnything:
        break;
    }
    return CheckReadable(file.path);
  };
  const absl::Status status = look();
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file.where, ": ", status.message()));
}

absl::Status CheckConfigFiles(const ServerConfig& config) {
  if (config.tls.has_value()) {
    const auto certificate = tls::ReadServerCertificate(*config.tls);
    if (!certificate.ok()) return PlaceTlsError(certificate.status(), config);
  }
  for (const NamedFile& file : config.files) {
    if (const absl::Status status = CheckNamedFile(file); !status.ok()) return status;
  }
  return CheckDataDir(config.data_dir);
}

}  // namespace token_service::app
