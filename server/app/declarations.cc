#include "server/app/declarations.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/app/token_file_poller.h"
#include "server/config/client_key_file.h"
#include "server/config/token_file.h"

namespace token_service::app {
namespace {

using broker::CredentialSettings;

// How often a file that is being written is looked at again.
constexpr int kSettlingLooks = 5;

std::string WhereIs(const ServerConfig& config, const std::string& path) {
  for (const NamedFile& file : config.files) {
    if (file.path == path) return file.where + ": ";
  }
  return "";
}

absl::Status Unusable(const ServerConfig& config, const std::string& path,
                      const absl::Status& why) {
  return absl::InvalidArgumentError(
      absl::StrCat(WhereIs(config, path), std::string(why.message())));
}

// Reads what a client proves itself with, for one configuration.
class ProofReader {
 public:
  explicit ProofReader(const ServerConfig& config) : config_(config) {}

  absl::Status Read(const DeclaredCredential& declared, CredentialSettings& settings) {
    for (const std::string& path : declared.client_secret_files) {
      absl::StatusOr<Secret> secret = ReadTokenFile(path);
      if (!secret.ok()) return Unusable(config_, path, secret.status());
      // The same secret twice is not worth a second refusal.
      const auto& known = settings.client_secrets;
      if (std::find(known.begin(), known.end(), *secret) == known.end()) {
        settings.client_secrets.push_back(*std::move(secret));
      }
    }
    if (declared.client_key_file.empty()) return absl::OkStatus();
    absl::StatusOr<Secret> key = Key(declared.client_key_file, settings.client_key.algorithm);
    if (!key.ok()) return key.status();
    settings.client_key.pem = *std::move(key);
    return absl::OkStatus();
  }

  // The configuration's own providers, with what is in their files.
  absl::StatusOr<ProviderDeclarations> Providers() {
    ProviderDeclarations whole;
    for (const auto& [name, provider] : config_.providers) {
      broker::ProviderRules rules = provider->rules->WithoutSecrets();
      absl::Status status = Read(provider->secret_headers, rules.request.secret_headers);
      if (status.ok()) status = Read(provider->secret_parameters, rules.request.secret_parameters);
      if (!status.ok()) return status;
      auto read = std::make_shared<ProviderDeclaration>(*provider);
      read->rules = broker::ProviderRulesPtr(std::move(rules));
      whole.emplace(name, std::move(read));
    }
    return whole;
  }

  absl::StatusOr<Secret> DefaultKey() {
    const CredentialDefaults& defaults = config_.defaults;
    if (defaults.client_key_file.empty()) return Secret();
    return Key(defaults.client_key_file, defaults.settings.client_key.algorithm);
  }

 private:
  absl::Status Read(const ProviderDeclaration::SecretFiles& files,
                    std::vector<std::pair<std::string, Secret>>& into) {
    for (const auto& [name, path] : files) {
      absl::StatusOr<Secret> secret = ReadTokenFile(path);
      if (!secret.ok()) return Unusable(config_, path, secret.status());
      into.emplace_back(name, *std::move(secret));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Secret> Key(const std::string& path, const std::string& algorithm) {
    Secret& known = keys_[{path, algorithm}];
    if (known.empty()) {
      absl::StatusOr<Secret> read = ReadClientKeyFile(path, algorithm);
      if (!read.ok()) return Unusable(config_, path, read.status());
      known = *std::move(read);
    }
    return known.Copy();
  }

  const ServerConfig& config_;
  // By path and algorithm: many credentials share one, and trying it out takes a while.
  std::map<std::pair<std::string, std::string>, Secret> keys_;
};

// Looks again at the refresh tokens that were written a moment ago.
void SettleTokens(Declarations& read, absl::FunctionRef<void()> progress,
                  absl::FunctionRef<void(absl::Duration)> pause) {
  std::vector<Declared*> unsettled;
  for (auto& [name, declared] : read.credentials) {
    const bool news = !declared.refresh_token_file.empty() && declared.refresh_token.ok() &&
                      ChangedLately(declared.refresh_token_file, absl::Now());
    if (news) unsettled.push_back(&declared);
  }
  for (int look = 0; look < kSettlingLooks && !unsettled.empty(); ++look) {
    pause(TokenFilePoller::kSettle);
    std::vector<Declared*> still;
    for (Declared* const declared : unsettled) {
      absl::StatusOr<Secret> again = ReadTokenFile(declared->refresh_token_file);
      const bool same =
          again.ok() && declared->refresh_token.ok() && *again == *declared->refresh_token;
      declared->refresh_token = std::move(again);
      if (!same) still.push_back(declared);
      progress();
    }
    unsettled = std::move(still);
  }
  for (Declared* const declared : unsettled) {
    if (!declared->refresh_token.ok()) continue;
    declared->refresh_token = absl::InvalidArgumentError(
        absl::StrCat(declared->refresh_token_file, ": is being written; try again"));
  }
}

}  // namespace

absl::StatusOr<Declarations> ReadDeclarations(const ServerConfig& config,
                                              absl::FunctionRef<void()> progress,
                                              absl::FunctionRef<void(absl::Duration)> pause) {
  for (const NamedFile& file : config.files) {
    if (file.holds == NamedFile::Holds::kToken || file.holds == NamedFile::Holds::kClientKey) {
      continue;  // Read below.
    }
    if (const absl::Status readable = CheckNamedFile(file); !readable.ok()) {
      return absl::InvalidArgumentError(readable.message());
    }
  }
  ProofReader proofs(config);
  absl::StatusOr<Secret> default_key = proofs.DefaultKey();
  if (!default_key.ok()) return default_key.status();
  absl::StatusOr<ProviderDeclarations> providers = proofs.Providers();
  if (!providers.ok()) return providers.status();
  Declarations read{.defaults = config.defaults.Copy(),
                    .providers = *std::move(providers),
                    .default_key = *std::move(default_key),
                    .origins = {config.token_endpoints.begin(), config.token_endpoints.end()},
                    .builtin_origins = config.builtin_origins,
                    .credentials = {}};
  for (const DeclaredCredential& declared : config.credentials) {
    const std::string& name = declared.settings.name;
    CredentialSettings settings = declared.settings.Copy();
    settings.managed_by_config = true;
    if (const auto own = read.providers.find(declared.provider); own != read.providers.end()) {
      settings.provider = own->second->rules;
    }
    if (absl::Status status = proofs.Read(declared, settings); !status.ok()) return status;
    progress();
    read.credentials.emplace(
        name, Declared{.settings = std::make_shared<const CredentialSettings>(std::move(settings)),
                       .refresh_token_file = declared.refresh_token_file,
                       .refresh_token = declared.refresh_token_file.empty()
                                            ? Secret()
                                            : ReadTokenFile(declared.refresh_token_file)});
  }
  SettleTokens(read, progress, pause);
  for (auto& [name, declared] : read.credentials) {
    if (declared.refresh_token.ok()) continue;
    declared.refresh_token =
        Unusable(config, declared.refresh_token_file, declared.refresh_token.status());
  }
  return read;
}

absl::Status CheckTokens(const Declarations& read,
                         absl::FunctionRef<bool(std::string_view)> is_stored) {
  for (const auto& [name, declared] : read.credentials) {
    if (!declared.refresh_token.ok() && !is_stored(name)) return declared.refresh_token.status();
  }
  return absl::OkStatus();
}

}  // namespace token_service::app
