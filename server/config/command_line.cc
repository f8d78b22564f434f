#include "server/config/command_line.h"

#include "server/config/config.pb.h"
#include "server/config/source.h"
#include "server/config/validate.h"

namespace token_service::app {
namespace {

constexpr char kOnlyCredential[] = "default";

absl::StatusOr<ServerConfig> FromFileOrFlags(const CommandLine& line) {
  if (!line.config.empty()) return LoadConfig(line.config);

  const ConfigSource source = ConfigSource::Flags();
  token::config::ConfigFile file;
  if (!line.data_dir.empty()) file.set_data_dir(line.data_dir);
  // Needs no more than what is stored.
  if (line.command != Command::kServe && line.command != Command::kCheckConfig) {
    return ValidateConfig(file, source);
  }
  // Said here: "or in defaults" would be no help.
  if (line.token_endpoint.empty()) return source.Error("token_endpoint", "is required");

  for (const std::string& address : line.listen) file.add_listen(address);
  token::config::Credential& credential = *file.add_credentials();
  credential.set_name(kOnlyCredential);
  credential.set_client_id(line.client_id);
  credential.set_token_endpoint(line.token_endpoint);
  credential.set_refresh_token_file(line.refresh_token_file);
  return ValidateConfig(file, source);
}

}  // namespace

absl::StatusOr<ServerConfig> ConfigFromCommandLine(const CommandLine& line) {
  absl::StatusOr<ServerConfig> config = FromFileOrFlags(line);
  if (!config.ok()) return config;
  config->hold = line.hold;
  if (!line.sealing_key_file.empty()) config->sealing_key_file = line.sealing_key_file;
  return config;
}

}  // namespace token_service::app
