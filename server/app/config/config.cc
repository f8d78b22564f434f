#include "server/app/config/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/app/config/config.pb.h"
#include "server/app/config/source.h"
#include "server/app/config/tls.h"
#include "server/app/config/token_file.h"
#include "server/app/config/validate.h"
#include "server/app/config/yaml.h"

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

broker::CredentialSettings CredentialDefaults::ToSettings() const {
  broker::CredentialSettings settings;
  settings.token_endpoint = token_endpoint;
  settings.scope = scope;
  settings.client_auth = client_auth;
  settings.ca_file = ca_file;
  settings.extra_parameters = extra_parameters;
  settings.dead_grant_errors = dead_grant_errors;
  settings.refresh = refresh;
  settings.assumed_lifetime = assumed_lifetime;
  settings.min_refresh_interval = min_refresh_interval;
  settings.replay_window = replay_window;
  settings.idle_after = idle_after;
  settings.keepalive = keepalive;
  return settings;
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

absl::Status CheckConfigFiles(const ServerConfig& config) {
  if (config.tls.has_value()) {
    const auto certificate = tls::ReadServerCertificate(*config.tls);
    if (!certificate.ok()) return PlaceTlsError(certificate.status(), config);
  }
  for (const NamedFile& file : config.files) {
    const absl::Status status =
        file.holds_token ? ReadTokenFile(file.path).status() : CheckReadable(file.path);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat(file.where, ": ", std::string(status.message())));
    }
  }
  return CheckDataDir(config.data_dir);
}

}  // namespace token_service::app
