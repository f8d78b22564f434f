#include "server/app/config/credentials.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/app/config/credential_keys.h"
#include "server/app/config/spelling.h"
#include "server/broker/credential_name.h"

namespace token_service::app {
namespace {

constexpr char kNameRule[] = "expected up to 63 of a-z 0-9 . _ -, the first a letter or digit";

// What must agree once a credential's own keys and the defaults are put together.
absl::Status CheckWhole(const token::config::Credential& from, const std::string& key,
                        const ConfigSource& source, CredentialDefaults& whole) {
  if (whole.token_endpoint.empty()) {
    return source.Error(key + ".token_endpoint", "is required, here or in defaults");
  }
  if (whole.client_auth == broker::ClientAuth::kNone) {
    if (from.has_client_secret_file()) {
      return source.Error(key + ".client_secret_file",
                          "client_auth is none; set client_secret_post or client_secret_basic");
    }
    whole.client_secret_file.clear();  // The defaults', for those who need it.
  } else if (whole.client_secret_file.empty()) {
    return source.Error(key + ".client_secret_file", "is required by client_auth");
  }
  return absl::OkStatus();
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
  if (from.refresh_token_file().empty()) {
    return source.Error(key + ".refresh_token_file", "is required");
  }
  CredentialDefaults whole = config.defaults;
  if (absl::Status s = ReadCredentialKeys(from, key, source, whole); !s.ok()) return s;
  if (absl::Status s = CheckWhole(from, key, source, whole); !s.ok()) return s;

  DeclaredCredential declared;
  declared.settings = whole.ToSettings();
  declared.settings.name = from.name();
  declared.settings.purpose = from.purpose();
  declared.settings.client_id = from.client_id();
  declared.settings.managed_by_config = true;
  declared.refresh_token_file = source.Resolve(from.refresh_token_file());
  declared.client_secret_file = whole.client_secret_file;

  const auto named = [&](const char* name, const std::string& path, bool holds_token) {
    if (!path.empty())
      config.files.push_back({source.Where(absl::StrCat(key, ".", name)), path, holds_token});
  };
  named("refresh_token_file", declared.refresh_token_file, true);
  named("client_secret_file", declared.client_secret_file, true);
  named("ca_file", declared.settings.ca_file, false);
  return declared;
}

}  // namespace

absl::Status ReadCredentials(const token::config::ConfigFile& file, const ConfigSource& source,
                             ServerConfig& config) {
  if (absl::Status s = ReadCredentialKeys(file.defaults(), "defaults", source, config.defaults);
      !s.ok()) {
    return s;
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
    const auto [owner, alone] = owners.emplace(declared->refresh_token_file, name);
    if (!alone) {
      config.warnings.push_back(absl::StrFormat(
          "credentials %s and %s share a refresh_token_file: if the provider rotates, each will "
          "spend the other's refresh token",
          owner->second, name));
    }
    config.credentials.push_back(*std::move(declared));
  }
  return absl::OkStatus();
}

}  // namespace token_service::app
