#include "server/app/credential_catalog.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/app/config/client_key_file.h"
#include "server/app/config/token_file.h"
#include "server/broker/client_auth.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using broker::ClientAuth;
using broker::ClientAuthFromName;
using broker::ClientAuthName;
using broker::CredentialProfile;
using broker::CredentialRecord;
using broker::CredentialSettings;
using broker::Standing;
using telemetry::Level;
using telemetry::Log;

std::vector<Secret> CopyOf(const std::vector<Secret>& secrets) {
  std::vector<Secret> copy;
  for (const Secret& secret : secrets) copy.push_back(secret.Copy());
  return copy;
}

CredentialSettings CopyOf(const CredentialSettings& settings) {
  return {.name = settings.name,
          .purpose = settings.purpose,
          .client_id = settings.client_id,
          .token_endpoint = settings.token_endpoint,
          .scope = settings.scope,
          .client_auth = settings.client_auth,
          .client_secrets = CopyOf(settings.client_secrets),
          .client_key = settings.client_key.Copy(),
          .ca_file = settings.ca_file,
          .extra_parameters = settings.extra_parameters,
          .dead_grant_errors = settings.dead_grant_errors,
          .refresh = settings.refresh,
          .assumed_lifetime = settings.assumed_lifetime,
          .min_refresh_interval = settings.min_refresh_interval,
          .replay_window = settings.replay_window,
          .idle_after = settings.idle_after,
          .keepalive = settings.keepalive,
          .managed_by_config = settings.managed_by_config};
}

// A declared credential's client secret stays in its file.
CredentialProfile ProfileOf(const CredentialSettings& settings) {
  return {.purpose = settings.purpose,
          .client_id = settings.client_id,
          .token_endpoint = settings.token_endpoint,
          .scope = settings.scope,
          .client_auth = std::string(ClientAuthName(settings.client_auth)),
          .managed_by_config = true};
}

bool Same(const CredentialProfile& a, const CredentialProfile& b) {
  return a.purpose == b.purpose && a.client_id == b.client_id &&
         a.token_endpoint == b.token_endpoint && a.scope == b.scope &&
         a.client_auth == b.client_auth && a.client_secret == b.client_secret &&
         a.managed_by_config == b.managed_by_config;
}

}  // namespace

CredentialCatalog::CredentialCatalog(const ServerConfig& config, broker::CredentialStore& store,
                                     const Clock& clock)
    : config_(config), store_(store), clock_(clock) {}

absl::Status CredentialCatalog::Reconcile() {
  for (const NamedFile& file : config_.files) {
    if (file.holds != NamedFile::Holds::kAnything) continue;
    if (const absl::Status readable = CheckNamedFile(file); !readable.ok()) {
      return absl::InvalidArgumentError(readable.message());
    }
  }
  keys_.clear();
  if (!config_.defaults.client_key_file.empty()) {
    absl::StatusOr<Secret> key =
        KeyOf(config_.defaults.client_key_file, config_.defaults.client_assertion_algorithm);
    if (!key.ok()) return key.status();
    default_key_ = *std::move(key);
  }
  for (const DeclaredCredential& declared : config_.credentials) {
    if (absl::Status status = Declare(declared); !status.ok()) return status;
  }
  std::vector<std::string> dropped;
  absl::Status listed = store_.ForEach([&](CredentialRecord record) {
    if (record.profile.managed_by_config && !declared_.contains(record.name) &&
        record.standing != Standing::kDisabled && record.standing != Standing::kUnreadable) {
      dropped.push_back(record.name);
    }
  });
  for (const std::string& name : dropped) {
    if (!listed.ok()) break;
    listed = store_.SetStanding(name, Standing::kDisabled);
    Log(Level::kWarning, "credential disabled: the configuration does not declare it any more",
        {{"credential", name}});
  }
  return listed;
}

absl::Status CredentialCatalog::Declare(const DeclaredCredential& declared) {
  const std::string& name = declared.settings.name;
  CredentialSettings settings = CopyOf(declared.settings);
  settings.managed_by_config = true;
  if (absl::Status status = ReadProof(declared, settings); !status.ok()) return status;
  declared_[name] = std::make_shared<const CredentialSettings>(std::move(settings));

  const absl::StatusOr<CredentialRecord> record = store_.Load(name);
  if (absl::IsNotFound(record.status())) return CreateFromFile(declared);
  if (!record.ok()) return record.status();
  // Its row stays as it is, for whoever looks into it.
  if (record->standing == Standing::kUnreadable) return absl::OkStatus();
  const absl::StatusOr<Secret> token = ReadTokenFile(declared.refresh_token_file);
  if (token.ok()) {
    if (const auto adopted = AdoptFromFile(name, *token); !adopted.ok()) return adopted.status();
  } else {
    // The file has done its work; what the store holds is newer anyway.
    Log(Level::kWarning, "refresh_token_file cannot be used; going on with the stored one",
        {{"credential", name}, {"error", std::string(token.status().message())}});
  }
  if (record->standing == Standing::kDisabled) {
    if (absl::Status enabled = store_.SetStanding(name, Standing::kUsable); !enabled.ok()) {
      return enabled;
    }
  }
  const CredentialProfile profile = ProfileOf(declared.settings);
  if (Same(profile, record->profile)) return absl::OkStatus();
  return store_.UpdateProfile(name, profile);
}

absl::Status CredentialCatalog::ReadProof(const DeclaredCredential& declared,
                                          CredentialSettings& settings) {
  for (const std::string& path : declared.client_secret_files) {
    absl::StatusOr<Secret> secret = ReadTokenFile(path);
    if (!secret.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(WhereIs(path), secret.status().message()));
    }
    // The same secret twice is not worth a second refusal.
    const auto& known = settings.client_secrets;
    if (std::find(known.begin(), known.end(), *secret) == known.end()) {
      settings.client_secrets.push_back(*std::move(secret));
    }
  }
  if (declared.client_key_file.empty()) return absl::OkStatus();
  absl::StatusOr<Secret> key = KeyOf(declared.client_key_file, settings.client_key.algorithm);
  if (!key.ok()) return key.status();
  settings.client_key.pem = *std::move(key);
  return absl::OkStatus();
}

absl::StatusOr<Secret> CredentialCatalog::KeyOf(const std::string& path,
                                                const std::string& algorithm) {
  Secret& known = keys_[{path, algorithm}];
  if (known.empty()) {
    absl::StatusOr<Secret> read = ReadClientKeyFile(path, algorithm);
    if (!read.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(WhereIs(path), read.status().message()));
    }
    known = *std::move(read);
  }
  return known.Copy();
}

absl::Status CredentialCatalog::CreateFromFile(const DeclaredCredential& declared) {
  const absl::StatusOr<Secret> token = ReadTokenFile(declared.refresh_token_file);
  if (!token.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(WhereIs(declared.refresh_token_file), token.status().message()));
  }
  CredentialRecord record;
  record.name = declared.settings.name;
  record.profile = ProfileOf(declared.settings);
  record.refresh_token = token->Copy();
  record.seed = token->Copy();
  record.create_time = clock_.WallNow();
  return store_.Create(record);
}

absl::StatusOr<bool> CredentialCatalog::AdoptFromFile(const std::string& name,
                                                      const Secret& refresh_token) {
  const absl::StatusOr<CredentialRecord> record = store_.Load(name);
  if (!record.ok()) return record.status();
  if (record->standing == Standing::kUnreadable || record->seed == refresh_token) return false;
  const absl::Status replaced = store_.ReplaceRefreshToken(name, refresh_token, /*from_file=*/true);
  if (!replaced.ok()) return replaced;
  Log(Level::kInfo, "refresh token adopted from its file", {{"credential", name}});
  return true;
}

broker::CredentialSettingsPtr CredentialCatalog::SettingsOf(const CredentialRecord& record) const {
  if (const auto declared = declared_.find(record.name); declared != declared_.end()) {
    return declared->second;
  }
  CredentialSettings settings = config_.defaults.ToSettings();
  settings.name = record.name;
  settings.purpose = record.profile.purpose;
  settings.client_id = record.profile.client_id;
  settings.token_endpoint = record.profile.token_endpoint;
  settings.scope = record.profile.scope;
  settings.client_auth = ClientAuthFromName(record.profile.client_auth).value_or(ClientAuth::kNone);
  if (!record.profile.client_secret.empty()) {
    settings.client_secrets.push_back(record.profile.client_secret.Copy());
  }
  settings.client_key.pem = default_key_.Copy();
  settings.managed_by_config = record.profile.managed_by_config;
  return std::make_shared<const CredentialSettings>(std::move(settings));
}

std::string CredentialCatalog::WhereIs(const std::string& path) const {
  for (const NamedFile& file : config_.files) {
    if (file.path == path) return file.where + ": ";
  }
  return "";
}

}  // namespace token_service::app
