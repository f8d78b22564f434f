#include "server/config/credentials.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/broker/client_auth.h"
#include "server/broker/credential_name.h"
#include "server/broker/token_endpoint_url.h"
#include "server/config/credential_keys.h"
#include "server/config/spelling.h"

namespace token_service::app {
namespace {

constexpr char kNameRule[] = "expected up to 63 of a-z 0-9 . _ -, the first a letter or digit";

std::string UnknownProvider(const ServerConfig& config, const std::string& name) {
  std::string what = absl::StrCat("no such provider: ", QuoteForError(name));
  const std::string meant = NearestProvider(config.providers, name);
  if (!meant.empty()) absl::StrAppend(&what, "; did you mean \"", meant, "\"?");
  return what;
}

// That the credential has what its client_auth takes, and nothing of its own that it does not. The
// defaults may have more, for those who need it: `whole` is rid of that.
absl::Status CheckProof(const token::config::Credential& from, const std::string& key,
                        const ConfigSource& source, CredentialDefaults& whole) {
  const bool takes_secret = broker::TakesSecret(whole.settings.client_auth);
  const bool asserts = std::holds_alternative<broker::JwtBearerGrant>(whole.settings.grant);
  const bool takes_key =
      asserts || whole.settings.client_auth == broker::ClientAuth::kPrivateKeyJwt;
  const struct {
    bool useless;
    const char* name;
    const char* wants;
  } given[] = {
      {from.has_client_secret_file() && !takes_secret, "client_secret_file",
       "client_secret_post or client_secret_basic"},
      {from.client_secret_files_size() > 0 && !takes_secret, "client_secret_files",
       "client_secret_post or client_secret_basic"},
      {from.has_client_key_file() && !takes_key, "client_key_file", "private_key_jwt"},
      {from.has_client_key_id() && !takes_key, "client_key_id", "private_key_jwt"},
      {from.has_client_assertion_algorithm() && !takes_key, "client_assertion_algorithm",
       "private_key_jwt"},
      {from.has_client_assertion_audience() && !takes_key, "client_assertion_audience",
       "private_key_jwt"},
  };
  for (const auto& [useless, name, wants] : given) {
    if (!useless) continue;
    const std::string auth(broker::ClientAuthName(whole.settings.client_auth));
    return source.Error(absl::StrCat(key, ".", name),
                        absl::StrFormat("client_auth is %s; set %s", auth, wants));
  }
  if (takes_secret && whole.client_secret_files.empty()) {
    return source.Error(key + ".client_secret_file", "is required by client_auth");
  }
  if (takes_key && whole.client_key_file.empty()) {
    return source.Error(key + ".client_key_file", asserts ? "is required by grant: jwt_bearer"
                                                          : "is required by client_auth");
  }
  if (!takes_secret) whole.client_secret_files.clear();
  if (!takes_key) {
    whole.client_key_file.clear();
    whole.settings.client_key.key_id.clear();
    whole.settings.client_key.algorithm.clear();
    whole.settings.client_key.audience.clear();
  }
  return absl::OkStatus();
}

// What must agree once a credential's own keys and the defaults are put together.
absl::Status CheckWhole(const token::config::Credential& from, const std::string& key,
                        const ConfigSource& source, CredentialDefaults& whole) {
  const std::string& endpoint = whole.settings.token_endpoint;
  if (endpoint.empty()) {
    return source.Error(key + ".token_endpoint", "is required, here or in defaults");
  }
  if (endpoint.find('{') != std::string::npos) {
    return source.Error(key + ".token_endpoint",
                        absl::StrCat("is required: the provider's is ", endpoint,
                                     ", with what is yours between the braces"));
  }
  return CheckProof(from, key, source, whole);
}

absl::Status CheckRefreshTokenFile(const token::config::Credential& from, const std::string& key,
                                   const ConfigSource& source, const CredentialDefaults& whole) {
  const broker::Grant& grant = whole.settings.grant;
  const bool given = !from.refresh_token_file().empty();
  if (UsesRefreshToken(grant) && !given) {
    return source.Error(key + ".refresh_token_file", "is required");
  }
  if (!UsesRefreshToken(grant) && given) {
    return source.Error(
        key + ".refresh_token_file",
        absl::StrFormat("grant is %s, which has no use for it", std::string(GrantName(grant))));
  }
  return absl::OkStatus();
}

// The settings of the provider that the credential names, or the defaults, in the place of those of
// the defaults.
absl::Status ApplyProvider(const token::config::Credential& from, const std::string& key,
                           const ConfigSource& source, const ServerConfig& config,
                           CredentialDefaults& whole) {
  const std::string& name = from.has_provider() ? from.provider() : config.defaults.provider;
  if (name.empty()) return absl::OkStatus();
  const ProviderDeclarationPtr provider = FindProvider(config.providers, name);
  if (provider != nullptr) {
    provider->ApplyTo(whole.settings);
    return absl::OkStatus();
  }
  return source.Error(key + ".provider", UnknownProvider(config, name));
}

absl::StatusOr<DeclaredCredential> ReadCredential(const token::config::Credential& from,
                                                  const std::string& key,
                                                  const ConfigSource& source,
                                                  ServerConfig& config) {
  if (!from.has_name()) return source.Error(key + ".name", "is required");
  if (!broker::IsCredentialName(from.name())) {
    return source.Error(key + ".name",
                        absl::StrCat(kNameRule, ", got ", QuoteForError(from.name())));
  }
  if (from.client_id().empty()) return source.Error(key + ".client_id", "is required");
  CredentialDefaults whole = config.defaults.Copy();
  if (absl::Status s = ApplyProvider(from, key, source, config, whole); !s.ok()) return s;
  if (absl::Status s = ReadCredentialKeys(from, key, source, whole); !s.ok()) return s;
  if (absl::Status s = CheckRefreshTokenFile(from, key, source, whole); !s.ok()) return s;
  if (absl::Status s = CheckWhole(from, key, source, whole); !s.ok()) return s;

  DeclaredCredential declared;
  declared.settings = whole.settings.Copy();
  declared.provider = whole.provider;
  declared.settings.name = from.name();
  declared.settings.purpose = from.purpose();
  declared.settings.client_id = from.client_id();
  declared.settings.managed_by_config = true;
  declared.refresh_token_file = source.Resolve(from.refresh_token_file());
  declared.client_secret_files = whole.client_secret_files;
  declared.client_key_file = whole.client_key_file;

  using Holds = NamedFile::Holds;
  // Where the credential does not name it, the defaults do.
  const auto named = [&](const std::string& name, const std::string& path, Holds holds) {
    if (path.empty()) return;
    const std::string at = absl::StrCat(key, ".", name);
    config.files.push_back({.where = source.Where(source.Has(at) ? at : "defaults." + name),
                            .path = path,
                            .holds = holds,
                            .algorithm = whole.settings.client_key.algorithm});
  };
  named("refresh_token_file", declared.refresh_token_file, Holds::kToken);
  const bool list = from.client_secret_files_size() > 0 ||
                    (!from.has_client_secret_file() && source.Has("defaults.client_secret_files"));
  for (size_t i = 0; i < declared.client_secret_files.size(); ++i) {
    named(list ? absl::StrCat("client_secret_files[", i, "]") : "client_secret_file",
          declared.client_secret_files[i], Holds::kToken);
  }
  // Where it is the defaults' own, it is named there, once.
  if (declared.client_key_file != config.defaults.client_key_file ||
      whole.settings.client_key.algorithm != config.defaults.settings.client_key.algorithm) {
    named("client_key_file", declared.client_key_file, Holds::kClientKey);
  }
  if (declared.settings.ca_file != config.defaults.settings.ca_file) {
    named("ca_file", declared.settings.ca_file, Holds::kAuthorities);
  }
  return declared;
}

// Where credentials made by RPC may send secrets: where the configuration says, or, when it does
// not say, where it sends its own.
absl::Status ReadTokenEndpoints(const token::config::ConfigFile& file, const ConfigSource& source,
                                ServerConfig& config) {
  std::set<std::string> origins;
  for (int i = 0; i < file.token_endpoints_size(); ++i) {
    const std::string& origin = file.token_endpoints(i);
    if (const absl::Status valid = broker::CheckOrigin(origin); !valid.ok()) {
      return source.Error(absl::StrCat("token_endpoints[", i, "]"), std::string(valid.message()));
    }
    origins.insert(broker::OriginOf(origin));
  }
  if (!source.Has("token_endpoints")) {
    config.builtin_origins = true;
    for (const auto& [name, provider] : config.providers) {
      if (!provider->token_endpoint.empty()) {
        origins.insert(broker::OriginOf(provider->token_endpoint));
      }
    }
    if (!config.defaults.settings.token_endpoint.empty()) {
      origins.insert(broker::OriginOf(config.defaults.settings.token_endpoint));
    }
    for (const DeclaredCredential& declared : config.credentials) {
      origins.insert(broker::OriginOf(declared.settings.token_endpoint));
    }
  }
  config.token_endpoints.assign(origins.begin(), origins.end());
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadCredentials(const token::config::ConfigFile& file, const ConfigSource& source,
                             ServerConfig& config) {
  if (absl::Status s = ReadCredentialKeys(file.defaults(), "defaults", source, config.defaults);
      !s.ok()) {
    return s;
  }
  const std::string& provider = config.defaults.provider;
  if (!provider.empty() && FindProvider(config.providers, provider) == nullptr) {
    return source.Error("defaults.provider", UnknownProvider(config, provider));
  }
  // Credentials made by RPC may want them.
  if (!config.defaults.client_key_file.empty()) {
    config.files.push_back({.where = source.Where("defaults.client_key_file"),
                            .path = config.defaults.client_key_file,
                            .holds = NamedFile::Holds::kClientKey,
                            .algorithm = config.defaults.settings.client_key.algorithm});
  }
  if (!config.defaults.settings.ca_file.empty()) {
    config.files.push_back({.where = source.Where("defaults.ca_file"),
                            .path = config.defaults.settings.ca_file,
                            .holds = NamedFile::Holds::kAuthorities});
  }
  std::set<std::string> names;
  std::map<std::string, std::string> owners;  // refresh_token_file → credential.
  for (int i = 0; i < file.credentials_size(); ++i) {
    const std::string key = absl::StrCat("credentials[", i, "]");
    absl::StatusOr<DeclaredCredential> declared =
        ReadCredential(file.credentials(i), key, source, config);
    if (!declared.ok()) return declared.status();
    const std::string& name = declared->settings.name;
    if (!names.insert(name).second) {
      return source.Error(key + ".name", absl::StrFormat("\"%s\" given twice", name));
    }
    const bool has_file = !declared->refresh_token_file.empty();
    const auto [owner, alone] = owners.emplace(declared->refresh_token_file, name);
    if (has_file && !alone) {
      config.warnings.push_back(absl::StrFormat(
          "credentials %s and %s share a refresh_token_file: if the provider rotates, each will "
          "spend the other's refresh token",
          owner->second, name));
    }
    config.credentials.push_back(*std::move(declared));
  }
  return ReadTokenEndpoints(file, source, config);
}

}  // namespace token_service::app
