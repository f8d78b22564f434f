#include "server/config/validate.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/config/callers.h"
#include "server/config/credentials.h"
#include "server/config/duration.h"
#include "server/config/limits.h"
#include "server/config/providers.h"
#include "server/config/spelling.h"
#include "server/config/tls.h"

namespace token_service::app {
namespace {

using ::token::config::ConfigFile;

constexpr std::string_view kDefaultListen = "127.0.0.1:50051";
constexpr std::string_view kAmongTheLog = "-";

absl::StatusOr<Address> ReadAddress(const std::string& text, const std::string& key,
                                    const ConfigSource& source) {
  absl::StatusOr<Address> address = ParseAddress(text);
  if (!address.ok()) {
    return source.Error(key, absl::StrFormat("%s, got %s", std::string(address.status().message()),
                                             QuoteForError(text)));
  }
  if (auto* socket = std::get_if<UnixAddress>(&*address))
    socket->path = source.Resolve(socket->path);
  return address;
}

// Octal, as chmod takes it. Not bits that mean nothing on a socket.
absl::Status ReadSocketMode(const ConfigFile& file, const ConfigSource& source,
                            ServerConfig& config) {
  if (!file.has_unix_socket_mode()) return absl::OkStatus();
  const std::string& text = file.unix_socket_mode();
  const bool octal = text.find_first_not_of("01234567") == std::string::npos;
  const bool three_digits = text.size() == 3 || (text.size() == 4 && text[0] == '0');
  if (!octal || !three_digits) {
    return source.Error(
        "unix_socket_mode",
        absl::StrCat("expected an octal mode such as \"0660\", got ", QuoteForError(text)));
  }
  config.unix_socket_mode = static_cast<mode_t>(std::stoul(text, nullptr, 8));
  return absl::OkStatus();
}

// That none before it takes the address.
absl::Status CheckFree(const Address& address, const std::string& key, const ConfigSource& source,
                       const ServerConfig& config) {
  for (size_t i = 0; i < config.listen.size(); ++i) {
    if (!Collide(address, config.listen[i])) continue;
    return source.Error(key,
                        address == config.listen[i]
                            ? "the same address twice"
                            : absl::StrCat("listen[", i, "], ", FormatAddress(config.listen[i]),
                                           ", takes this address already"));
  }
  return absl::OkStatus();
}

absl::Status ReadListen(const ConfigFile& file, const ConfigSource& source, ServerConfig& config) {
  if (!source.Has("listen") && file.listen().empty()) {
    config.listen.push_back(*ParseAddress(kDefaultListen));
    return absl::OkStatus();
  }
  if (file.listen().empty()) return source.Error("listen", "names no address");
  for (int i = 0; i < file.listen_size(); ++i) {
    const std::string key = absl::StrCat("listen[", i, "]");
    const absl::StatusOr<Address> address = ReadAddress(file.listen(i), key, source);
    if (!address.ok()) return address.status();
    if (absl::Status status = CheckFree(*address, key, source, config); !status.ok()) return status;
    if (!config.tls.has_value() && !config.allow_plaintext && !IsLocal(*address)) {
      return source.Error(key,
                          "plaintext on an address that is not loopback: tokens could be read on "
                          "the network; set tls, or allow_plaintext: true");
    }
    config.listen.push_back(*address);
  }
  return absl::OkStatus();
}

// An optional file that must be there once it is named.
absl::Status ReadFile(bool named, const std::string& path, const std::string& key,
                      const ConfigSource& source, ServerConfig& config, std::string& out) {
  if (!named) return absl::OkStatus();
  if (path.empty()) return source.Error(key, "must not be empty");
  out = source.Resolve(path);
  config.files.push_back({source.Where(key), out});
  return absl::OkStatus();
}

absl::Status ReadStorage(const ConfigFile& file, const ConfigSource& source, ServerConfig& config) {
  if (file.has_data_dir() && file.has_store()) {
    return source.Error("store", "data_dir is given as well; one of the two");
  }
  if (file.has_store()) {
    if (!file.store().has_postgresql()) return source.Error("store.postgresql", "is required");
    return source.Error("store.postgresql", "not supported in this build");
  }
  if (!file.has_data_dir()) return source.Error("data_dir", "is required");
  if (file.data_dir().empty()) return source.Error("data_dir", "must not be empty");
  config.data_dir = source.Resolve(file.data_dir());
  config.require_store = file.require_store();
  return ReadFile(file.sealing().has_key_file(), file.sealing().key_file(), "sealing.key_file",
                  source, config, config.sealing_key_file);
}

absl::Status ReadObservation(const ConfigFile& file, const ConfigSource& source,
                             ServerConfig& config) {
  using Log = token::config::Log;
  if (file.log().has_level()) {
    config.log.level = file.log().level() == Log::LEVEL_DEBUG     ? telemetry::Level::kDebug
                       : file.log().level() == Log::LEVEL_WARNING ? telemetry::Level::kWarning
                       : file.log().level() == Log::LEVEL_ERROR   ? telemetry::Level::kError
                                                                  : telemetry::Level::kInfo;
  }
  if (file.log().has_format()) {
    config.log.format = file.log().format() == Log::FORMAT_JSON   ? telemetry::Format::kJson
                        : file.log().format() == Log::FORMAT_TEXT ? telemetry::Format::kText
                                                                  : telemetry::Format::kAuto;
  }
  if (file.has_metrics()) {
    if (!file.metrics().has_listen()) return source.Error("metrics.listen", "is required");
    const auto address = ReadAddress(file.metrics().listen(), "metrics.listen", source);
    if (!address.ok()) return address.status();
    if (!std::holds_alternative<TcpAddress>(*address)) {
      return source.Error("metrics.listen", "expected HOST:PORT or [IPV6]:PORT");
    }
    absl::Status free = CheckFree(*address, "metrics.listen", source, config);
    if (!free.ok()) return free;
    config.metrics_listen = *address;
  }
  if (file.has_audit()) {
    if (!file.audit().has_file()) return source.Error("audit.file", "is required");
    if (file.audit().file().empty()) return source.Error("audit.file", "must not be empty");
    if (file.audit().file() != kAmongTheLog) {
      config.audit_file = source.Resolve(file.audit().file());
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerConfig> ValidateConfig(const ConfigFile& file, const ConfigSource& source) {
  ServerConfig config;
  config.allow_plaintext = file.allow_plaintext();
  // Of the order only this matters: listen asks for tls, credentials for providers, callers for
  // credentials and limits.
  const auto steps = {ReadTls,         ReadSocketMode, ReadListen,  ReadStorage,    ReadProviders,
                      ReadCredentials, ReadLimits,     ReadCallers, ReadObservation};
  for (const auto& step : steps) {
    if (absl::Status status = step(file, source, config); !status.ok()) return status;
  }
  return config;
}

}  // namespace token_service::app
