#include "server/config/tls.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace token_service::app {

absl::Status ReadTls(const token::config::ConfigFile& file, const ConfigSource& source,
                     ServerConfig& config) {
  if (!file.has_tls()) return absl::OkStatus();
  const token::config::Tls& tls = file.tls();
  if (!tls.has_certificate_file()) return source.Error("tls.certificate_file", "is required");
  if (!tls.has_private_key_file()) return source.Error("tls.private_key_file", "is required");
  tls::CertificateFiles files;
  const struct {
    bool named;
    const std::string& path;
    const char* key;
    std::string& out;
  } keys[] = {
      {true, tls.certificate_file(), "tls.certificate_file", files.certificate_file},
      {true, tls.private_key_file(), "tls.private_key_file", files.private_key_file},
      {tls.has_client_ca_file(), tls.client_ca_file(), "tls.client_ca_file", files.client_ca_file},
  };
  for (const auto& k : keys) {
    if (!k.named) continue;
    if (k.path.empty()) return source.Error(k.key, "must not be empty");
    k.out = source.Resolve(k.path);
    config.files.push_back({source.Where(k.key), k.out});
  }
  config.tls = files;
  return absl::OkStatus();
}

absl::Status PlaceTlsError(const absl::Status& error, const ServerConfig& config) {
  const std::string message(error.message());
  const size_t colon = message.find(':');
  for (const NamedFile& file : config.files) {
    if (colon != std::string::npos &&
        absl::EndsWith(file.where, absl::StrCat("tls.", message.substr(0, colon)))) {
      return absl::Status(error.code(), absl::StrCat(file.where, message.substr(colon)));
    }
  }
  return error;
}

}  // namespace token_service::app
