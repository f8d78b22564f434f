#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/authz/access_policy.h"
#include "server/broker/credential.h"
#include "server/config/address.h"
#include "server/config/provider_declaration.h"
#include "server/telemetry/log.h"
#include "server/tls/server_certificate.h"

namespace token_service::app {

// What `defaults` says: of the credentials in the file, and of those made by RPC. Without it, the
// defaults of broker::CredentialSettings.
struct CredentialDefaults {
  // Without name, purpose, client_id, and the secrets and the key that are in files.
  broker::CredentialSettings settings;
  std::vector<std::string> client_secret_files;  // In the order their secrets are tried.
  std::string client_key_file;
  std::string provider;  // Empty: RFC 6749.

  CredentialDefaults Copy() const;
};

// A credential of the file.
struct DeclaredCredential {
  broker::CredentialSettings settings;  // All but client_secrets and the client_key's PEM.
  std::string refresh_token_file;
  std::vector<std::string> client_secret_files;  // Empty unless settings.client_auth wants them.
  std::string client_key_file;                   // Likewise.
  std::string provider;                          // Whose rules it has; empty: RFC 6749.
};

struct Caller {
  std::string identity;
  bool all_credentials = false;  // `"*"` among the credentials.
  std::vector<std::string> credentials;
  std::vector<std::string> credential_prefixes;  // Without the `*`.
  authz::Operating operating = authz::Operating::kNothing;
  std::optional<int> rate;  // Calls a second. 0: any; absent: limits.caller_rate.
  std::optional<int> burst;
};

struct Limits {
  int refresh_workers = 16;
  int refreshes_per_endpoint = 8;
  int waiting_calls = 10'000;
  int watchers = 10'000;
  int connections = 0;              // 0: as many as there may be open files.
  int calls_per_connection = 1000;  // At once.
  int request_bytes = 64 * 1024;
  int caller_rate = 0;                             // Calls a second of each caller. 0: any.
  int caller_burst = 0;                            // 0: as many as caller_rate.
  absl::Duration connection_age = absl::Hours(1);  // Infinite: any.
  absl::Duration connect_timeout = absl::Seconds(5);
  absl::Duration exchange_timeout = absl::Seconds(30);
  absl::Duration drain_timeout = absl::Seconds(45);  // 0: none.
};

struct LogSettings {
  telemetry::Level level = telemetry::Level::kInfo;
  telemetry::Format format = telemetry::Format::kAuto;
};

// A file that the configuration names and the server will read.
struct NamedFile {
  std::string where;  // For people: `/etc/x.yaml:12: tls.certificate_file`, `--refresh_token_file`.
  std::string path;
  enum class Holds { kAnything, kToken, kClientKey, kAuthorities } holds = Holds::kAnything;
  std::string algorithm = {};  // What the key is to sign with; empty: as its type has it.
};

// A configuration that has been checked. Paths are ready to open: those in a file were relative to
// its directory.
struct ServerConfig {
  std::vector<Address> listen;               // At least one.
  std::optional<tls::CertificateFiles> tls;  // For every TCP address of `listen`.
  bool allow_plaintext = false;
  mode_t unix_socket_mode = 0660;
  std::string data_dir;
  bool hold = false;             // From the command line: start with every credential held.
  bool require_store = false;    // No start without a store: see store::StoreOptions.
  std::string sealing_key_file;  // Empty: a key of the server's own, in data_dir.
  CredentialDefaults defaults;
  ProviderDeclarations providers;  // Its own; the built-in ones are there besides.
  std::vector<DeclaredCredential> credentials;
  std::vector<std::string> token_endpoints;    // Of credentials made by RPC: see broker::OriginOf.
  bool builtin_origins = false;                // And those of the built-in providers.
  std::optional<std::vector<Caller>> callers;  // Absent is not empty: see the design of identities.
  Limits limits;
  LogSettings log;
  std::optional<Address> metrics_listen;
  std::string audit_file;  // Empty: among the log's lines.

  std::vector<NamedFile> files;
  std::vector<std::string> warnings;  // One line each, no secrets; to be logged at start.
};

// Any bytes. `file_name` is for errors and for relative paths; nothing is opened. INVALID_ARGUMENT:
// one line, `FILE:LINE: KEY: what is wrong`, without the value of anything that may be secret.
absl::StatusOr<ServerConfig> ParseConfig(std::string_view text, std::string_view file_name);

// Reads and parses a file. An error, of whatever code, is one line that begins with the file's
// name.
absl::StatusOr<ServerConfig> LoadConfig(const std::string& file_name);

// Whether the file can be read and holds what it should. One line that begins with where it is
// named. Blocks.
absl::Status CheckNamedFile(const NamedFile& file);

// What can be checked of the world without starting: every named file can be read, token files hold
// a token, keys can sign, certificate and key belong together, data_dir is a directory or can be
// made. The first problem, one line. Blocks.
absl::Status CheckConfigFiles(const ServerConfig& config);

}  // namespace token_service::app
