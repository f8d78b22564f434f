#include "server/config/credential_keys.h"

#include <algorithm>
#include <array>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/broker/token_endpoint_url.h"
#include "server/config/limits.h"
#include "server/config/spelling.h"
#include "server/jose/signing_key.h"

namespace token_service::app {
namespace {

// What the request says by itself (RFC 6749 section 6).
constexpr std::array<std::string_view, 8> kOwnParameters = {
    "grant_type", "refresh_token", "client_id",        "client_secret",
    "scope",      "assertion",     "client_assertion", "client_assertion_type"};

// While one is being replaced two are enough; each more is one more refused request a restart.
constexpr int kMaxSecrets = 4;

broker::Grant GrantOf(token::config::Grant from) {
  switch (from) {
    case token::config::GRANT_CLIENT_CREDENTIALS:
      return broker::ClientCredentialsGrant{};
    case token::config::GRANT_JWT_BEARER:
      return broker::JwtBearerGrant{};
    default:
      return broker::RefreshTokenGrant{};
  }
}

// Defaults and Credential have these keys by the same names, in generated classes that share no
// base.
template <typename Keys>
class Reader {
 public:
  Reader(const Keys& from, const std::string& path, const ConfigSource& source)
      : from_(from), path_(path), source_(source) {}

  absl::Status Read(CredentialDefaults& into) {
    if (absl::Status s = ReadEndpoint(into); !s.ok()) return s;
    if (from_.has_provider()) into.provider = from_.provider();
    if (absl::Status s = ReadGrant(into); !s.ok()) return s;
    if (from_.has_scope()) into.settings.scope = from_.scope();
    if (from_.has_client_auth()) into.settings.client_auth = ClientAuthOf(from_.client_auth());
    if (from_.has_refresh()) {
      into.settings.refresh = from_.refresh() == token::config::REFRESH_ON_DEMAND
                                  ? broker::RefreshMode::kOnDemand
                                  : broker::RefreshMode::kEager;
    }
    if (absl::Status s = ReadFiles(into); !s.ok()) return s;
    if (absl::Status s = ReadSecretFiles(into); !s.ok()) return s;
    if (absl::Status s = ReadAssertion(into); !s.ok()) return s;
    if (absl::Status s = ReadDurations(into); !s.ok()) return s;
    if (absl::Status s = ReadDeadGrantErrors(into); !s.ok()) return s;
    return ReadExtraParameters(into);
  }

 private:
  std::string Key(std::string_view name) const { return absl::StrFormat("%s.%s", path_, name); }

  absl::Status ReadEndpoint(CredentialDefaults& into) {
    if (!from_.has_token_endpoint()) return absl::OkStatus();
    const absl::Status valid = broker::CheckTokenEndpoint(from_.token_endpoint());
    if (!valid.ok()) return source_.Error(Key("token_endpoint"), std::string(valid.message()));
    into.settings.token_endpoint = from_.token_endpoint();
    return absl::OkStatus();
  }

  absl::Status ReadGrant(CredentialDefaults& into) {
    broker::Grant& grant = into.settings.grant;
    if (from_.has_grant()) grant = GrantOf(from_.grant());
    auto* const jwt = std::get_if<broker::JwtBearerGrant>(&grant);
    const struct {
      bool given;
      const std::string& text;
      const char* name;
      std::string broker::JwtBearerGrant::*out;
    } words[] = {
        {from_.has_assertion_subject(), from_.assertion_subject(), "assertion_subject",
         &broker::JwtBearerGrant::subject},
        {from_.has_assertion_audience(), from_.assertion_audience(), "assertion_audience",
         &broker::JwtBearerGrant::audience},
    };
    for (const auto& word : words) {
      if (!word.given) continue;
      if (word.text.empty()) return source_.Error(Key(word.name), "must not be empty");
      if (jwt == nullptr) return source_.Error(Key(word.name), "is for grant: jwt_bearer");
      jwt->*word.out = word.text;
    }
    return absl::OkStatus();
  }

  absl::Status ReadFiles(CredentialDefaults& into) {
    const struct {
      bool given;
      const std::string& path;
      const char* name;
      std::string& out;
    } files[] = {
        {from_.has_client_key_file(), from_.client_key_file(), "client_key_file",
         into.client_key_file},
        {from_.has_ca_file(), from_.ca_file(), "ca_file", into.settings.ca_file},
    };
    for (const auto& file : files) {
      if (!file.given) continue;
      if (file.path.empty()) return source_.Error(Key(file.name), "must not be empty");
      file.out = source_.Resolve(file.path);
    }
    return absl::OkStatus();
  }

  // One file, or a list of them; either replaces whatever the defaults have.
  absl::Status ReadSecretFiles(CredentialDefaults& into) {
    const bool list = source_.Has(Key("client_secret_files"));
    if (list && from_.has_client_secret_file()) {
      return source_.Error(Key("client_secret_files"),
                           "client_secret_file is given as well; one of the two");
    }
    if (from_.has_client_secret_file()) {
      if (from_.client_secret_file().empty()) {
        return source_.Error(Key("client_secret_file"), "must not be empty");
      }
      into.client_secret_files = {source_.Resolve(from_.client_secret_file())};
    }
    if (!list) return absl::OkStatus();
    const int count = from_.client_secret_files_size();
    if (count == 0) return source_.Error(Key("client_secret_files"), "names no file");
    if (count > kMaxSecrets) {
      return source_.Error(Key("client_secret_files"),
                           absl::StrCat("names more than ", kMaxSecrets, " files"));
    }
    into.client_secret_files.clear();
    for (int i = 0; i < count; ++i) {
      const std::string at = absl::StrCat(Key("client_secret_files"), "[", i, "]");
      const std::string path = source_.Resolve(from_.client_secret_files(i));
      if (path.empty()) return source_.Error(at, "must not be empty");
      if (std::count(into.client_secret_files.begin(), into.client_secret_files.end(), path) > 0) {
        return source_.Error(at, "the same file twice");
      }
      into.client_secret_files.push_back(path);
    }
    return absl::OkStatus();
  }

  absl::Status ReadAssertion(CredentialDefaults& into) {
    const struct {
      bool given;
      const std::string& text;
      const char* name;
      std::string& out;
    } words[] = {
        {from_.has_client_key_id(), from_.client_key_id(), "client_key_id",
         into.settings.client_key.key_id},
        {from_.has_client_assertion_algorithm(), from_.client_assertion_algorithm(),
         "client_assertion_algorithm", into.settings.client_key.algorithm},
        {from_.has_client_assertion_audience(), from_.client_assertion_audience(),
         "client_assertion_audience", into.settings.client_key.audience},
    };
    for (const auto& word : words) {
      if (!word.given) continue;
      if (word.text.empty()) return source_.Error(Key(word.name), "must not be empty");
      word.out = word.text;
    }
    if (from_.has_client_assertion_algorithm() &&
        !jose::IsSigningAlgorithm(from_.client_assertion_algorithm())) {
      return source_.Error(Key("client_assertion_algorithm"),
                           absl::StrCat("expected RS256, PS256 or ES256, got ",
                                        QuoteForError(from_.client_assertion_algorithm())));
    }
    return absl::OkStatus();
  }

  absl::Status ReadDurations(CredentialDefaults& into) {
    const struct {
      bool given;
      const google::protobuf::Duration& value;
      const char* name;
      absl::Duration least;
      absl::Duration& out;
    } durations[] = {
        {from_.has_assumed_lifetime(), from_.assumed_lifetime(), "assumed_lifetime",
         absl::Seconds(1), into.settings.assumed_lifetime},
        {from_.has_min_refresh_interval(), from_.min_refresh_interval(), "min_refresh_interval",
         kShortestSetting, into.settings.min_refresh_interval},
        // 0: never replay at once.
        {from_.has_replay_window(), from_.replay_window(), "replay_window", absl::ZeroDuration(),
         into.settings.replay_window},
        {from_.has_idle_after(), from_.idle_after(), "idle_after", kShortestSetting,
         into.settings.idle_after},
        {from_.has_keepalive(), from_.keepalive(), "keepalive", kShortestSetting,
         into.settings.keepalive},
    };
    for (const auto& d : durations) {
      if (!d.given) continue;
      const auto duration = ReadDuration(d.value, Key(d.name), d.least, kLongestSetting, source_);
      if (!duration.ok()) return duration.status();
      d.out = *duration;
    }
    return absl::OkStatus();
  }

  absl::Status ReadDeadGrantErrors(CredentialDefaults& into) {
    if (!source_.Has(Key("dead_grant_errors"))) return absl::OkStatus();
    into.settings.dead_grant_errors.clear();
    for (int i = 0; i < from_.dead_grant_errors_size(); ++i) {
      const std::string& error = from_.dead_grant_errors(i);
      if (error.empty()) {
        return source_.Error(absl::StrCat(Key("dead_grant_errors"), "[", i, "]"),
                             "must not be empty");
      }
      into.settings.dead_grant_errors.push_back(error);
    }
    return absl::OkStatus();
  }

  absl::Status ReadExtraParameters(CredentialDefaults& into) {
    if (!source_.Has(Key("extra_parameters"))) return absl::OkStatus();
    into.settings.extra_parameters.assign(from_.extra_parameters().begin(),
                                          from_.extra_parameters().end());
    std::sort(into.settings.extra_parameters.begin(), into.settings.extra_parameters.end());
    for (const auto& [name, value] : into.settings.extra_parameters) {
      const std::string key = absl::StrCat(Key("extra_parameters"), ".", name);
      if (name.empty()) return source_.Error(key, "a parameter needs a name");
      if (IsOwnParameter(name)) {
        return source_.Error(key, "is set by the service itself");
      }
    }
    return absl::OkStatus();
  }

  const Keys& from_;
  const std::string& path_;
  const ConfigSource& source_;
};

}  // namespace

broker::ClientAuth ClientAuthOf(token::config::ClientAuth from) {
  switch (from) {
    case token::config::CLIENT_AUTH_CLIENT_SECRET_POST:
      return broker::ClientAuth::kClientSecretPost;
    case token::config::CLIENT_AUTH_CLIENT_SECRET_BASIC:
      return broker::ClientAuth::kClientSecretBasic;
    case token::config::CLIENT_AUTH_CLIENT_SECRET_BASIC_RAW:
      return broker::ClientAuth::kClientSecretBasicRaw;
    case token::config::CLIENT_AUTH_PRIVATE_KEY_JWT:
      return broker::ClientAuth::kPrivateKeyJwt;
    default:
      return broker::ClientAuth::kNone;
  }
}

bool IsOwnParameter(std::string_view name) {
  return std::count(kOwnParameters.begin(), kOwnParameters.end(), name) > 0;
}

absl::Status ReadCredentialKeys(const token::config::Defaults& from, const std::string& path,
                                const ConfigSource& source, CredentialDefaults& into) {
  return Reader(from, path, source).Read(into);
}

absl::Status ReadCredentialKeys(const token::config::Credential& from, const std::string& path,
                                const ConfigSource& source, CredentialDefaults& into) {
  return Reader(from, path, source).Read(into);
}

}  // namespace token_service::app
