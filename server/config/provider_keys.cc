#include "server/config/provider_keys.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"
#include "server/broker/credential_name.h"
#include "server/broker/token_endpoint_url.h"
#include "server/config/credential_keys.h"
#include "server/config/limits.h"
#include "server/config/spelling.h"

namespace token_service::app {
namespace {

using broker::ErrorMeaning;
using broker::ProviderRules;
using token::config::Provider;
using token::config::ProviderError;
using token::config::ProviderRequest;
using token::config::ProviderResponse;

constexpr size_t kLongestPath = 256;
constexpr int kMostExposed = 16;
constexpr int kMostErrors = 64;

ErrorMeaning MeaningOf(ProviderError::Means means) {
  switch (means) {
    case ProviderError::MEANS_BUSY:
      return ErrorMeaning::kBusy;
    case ProviderError::MEANS_THROTTLED:
      return ErrorMeaning::kThrottled;
    case ProviderError::MEANS_UNAVAILABLE:
      return ErrorMeaning::kUnavailable;
    case ProviderError::MEANS_CLIENT_REFUSED:
      return ErrorMeaning::kClientRefused;
    case ProviderError::MEANS_TOO_EARLY:
      return ErrorMeaning::kTooEarly;
    case ProviderError::MEANS_EXTENDED:
      return ErrorMeaning::kExtended;
    default:
      return ErrorMeaning::kDead;
  }
}

// RFC 9110 section 5.1.
bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool IsHeaderValue(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

// What the request says by itself, or what would change how it is read.
bool IsOwnHeader(std::string_view name) {
  for (const std::string_view own : {"Authorization", "Content-Length", "Content-Type", "Expect",
                                     "Host", "Transfer-Encoding", "User-Agent"}) {
    if (absl::EqualsIgnoreCase(AbslView(own), AbslView(name))) return true;
  }
  return false;
}

class ProviderReader {
 public:
  ProviderReader(const std::string& path, const ConfigSource& source)
      : path_(path), source_(source) {}

  absl::StatusOr<ProviderDeclaration> Read(const Provider& from) {
    if (absl::Status s = ReadName(from); !s.ok()) return s;
    if (absl::Status s = ReadEndpoints(from); !s.ok()) return s;
    if (absl::Status s = ReadRequest(from.request()); !s.ok()) return s;
    if (absl::Status s = ReadResponse(from.response()); !s.ok()) return s;
    if (absl::Status s = ReadErrors(from); !s.ok()) return s;
    if (absl::Status s = ReadTiming(from); !s.ok()) return s;
    into_.rules = broker::ProviderRulesPtr(std::move(rules_));
    return std::move(into_);
  }

 private:
  std::string Key(std::string_view name) const {
    return path_.empty() ? std::string(name) : absl::StrCat(path_, ".", AbslView(name));
  }

  absl::Status ReadName(const Provider& from) {
    if (!from.has_name()) return source_.Error(Key("name"), "is required");
    if (!broker::IsCredentialName(from.name())) {
      return source_.Error(Key("name"),
                           absl::StrCat("expected up to 63 of a-z 0-9 . _ -, the first a letter or "
                                        "digit, got ",
                                        QuoteForError(from.name())));
    }
    rules_.name = from.name();
    into_.title = from.title();
    into_.documentation.assign(from.documentation().begin(), from.documentation().end());
    return absl::OkStatus();
  }

  absl::Status ReadEndpoints(const Provider& from) {
    const struct {
      const char* name;
      bool given;
      const std::string& url;
      std::string& into;
    } endpoints[] = {
        {"token_endpoint", from.has_token_endpoint(), from.token_endpoint(), into_.token_endpoint},
        {"authorization_endpoint", from.has_authorization_endpoint(), from.authorization_endpoint(),
         into_.authorization_endpoint},
        {"device_authorization_endpoint", from.has_device_authorization_endpoint(),
         from.device_authorization_endpoint(), into_.device_authorization_endpoint},
        {"revocation_endpoint", from.has_revocation_endpoint(), from.revocation_endpoint(),
         into_.revocation_endpoint},
        {"issuer", from.has_issuer(), from.issuer(), into_.issuer},
    };
    for (const auto& endpoint : endpoints) {
      if (!endpoint.given) continue;
      // `{tenant}` stands for what is the user's own: see ReadCredential.
      if (endpoint.url.find('{') == std::string::npos) {
        const absl::Status valid = broker::CheckTokenEndpoint(endpoint.url);
        if (!valid.ok()) return source_.Error(Key(endpoint.name), std::string(valid.message()));
      }
      endpoint.into = endpoint.url;
    }
    return absl::OkStatus();
  }

  absl::Status ReadRequest(const ProviderRequest& from) {
    broker::RequestRules& into = rules_.request;
    switch (from.body()) {
      case ProviderRequest::BODY_JSON:
        into.body = broker::RequestRules::Body::kJson;
        break;
      case ProviderRequest::BODY_QUERY:
        into.body = broker::RequestRules::Body::kQuery;
        break;
      default:
        break;
    }
    if (from.has_client_id_parameter()) into.client_id_parameter = from.client_id_parameter();
    if (from.has_client_auth()) into_.client_auth = ClientAuthOf(from.client_auth());
    into.user_agent = from.user_agent();
    if (!IsHeaderValue(into.user_agent)) {
      return source_.Error(Key("request.user_agent"), "must be printable ASCII");
    }
    into.headers.assign(from.headers().begin(), from.headers().end());
    into_.secret_headers = Files(from.secret_headers());
    std::sort(into.headers.begin(), into.headers.end());
    for (const auto& [name, value] : into.headers) {
      const std::string key = absl::StrCat(Key("request.headers"), ".", name);
      if (absl::Status s = CheckHeader(name, key); !s.ok()) return s;
      if (!IsHeaderValue(value)) return source_.Error(key, "must be printable ASCII");
    }
    for (const auto& [name, file] : into_.secret_headers) {
      const std::string key = absl::StrCat(Key("request.secret_headers"), ".", name);
      // A scheme of its own, beside no client_auth that has one.
      const bool authorization = absl::EqualsIgnoreCase(name, "Authorization");
      if (absl::Status s = CheckHeader(name, key); !authorization && !s.ok()) return s;
      if (file.empty()) return source_.Error(key, "must not be empty");
    }
    into.parameters.assign(from.parameters().begin(), from.parameters().end());
    into_.secret_parameters = Files(from.secret_parameters());
    std::sort(into.parameters.begin(), into.parameters.end());
    for (const auto& [name, value] : into.parameters) {
      const std::string key = absl::StrCat(Key("request.parameters"), ".", name);
      if (absl::Status s = CheckParameter(name, key); !s.ok()) return s;
    }
    for (const auto& [name, file] : into_.secret_parameters) {
      const std::string key = absl::StrCat(Key("request.secret_parameters"), ".", name);
      if (absl::Status s = CheckParameter(name, key); !s.ok()) return s;
      if (file.empty()) return source_.Error(key, "must not be empty");
    }
    return absl::OkStatus();
  }

  ProviderDeclaration::SecretFiles Files(
      const google::protobuf::Map<std::string, std::string>& from) const {
    ProviderDeclaration::SecretFiles files;
    for (const auto& [name, file] : from) files.emplace_back(name, source_.Resolve(file));
    std::sort(files.begin(), files.end());
    return files;
  }

  absl::Status CheckHeader(std::string_view name, const std::string& key) const {
    if (!IsHeaderName(name)) return source_.Error(key, "is no name of a header (RFC 9110 5.1)");
    if (IsOwnHeader(name)) return source_.Error(key, "is set by the service itself");
    return absl::OkStatus();
  }

  absl::Status CheckParameter(std::string_view name, const std::string& key) const {
    if (name.empty()) return source_.Error(key, "a parameter needs a name");
    // Some want a scope again with every refresh; a credential's own goes before it.
    const bool own = IsOwnParameter(name) && name != "scope";
    if (own || name == rules_.request.client_id_parameter) {
      return source_.Error(key, "is set by the service itself");
    }
    return absl::OkStatus();
  }

  absl::Status CheckPath(std::string_view path, const std::string& key) const {
    const bool dots = path.empty() || path.front() == '.' || path.back() == '.' ||
                      path.find("..") != std::string_view::npos;
    if (dots || path.size() > kLongestPath) {
      return source_.Error(key, "expected names joined by dots, such as data.access_token");
    }
    return absl::OkStatus();
  }

  absl::Status ReadResponse(const ProviderResponse& from) {
    broker::ResponseRules& into = rules_.response;
    const struct {
      const char* name;
      bool given;
      const std::string& path;
      std::string& into;
    } paths[] = {
        {"access_token", from.has_access_token(), from.access_token(), into.access_token},
        {"refresh_token", from.has_refresh_token(), from.refresh_token(), into.refresh_token},
        {"token_type", from.has_token_type(), from.token_type(), into.token_type},
        {"scope", from.has_scope(), from.scope(), into.scope},
        {"expires_in", from.has_expires_in(), from.expires_in(), into.expires_in},
        {"expires_at", from.has_expires_at(), from.expires_at(), into.expires_at},
        {"refresh_token_expires_in", from.has_refresh_token_expires_in(),
         from.refresh_token_expires_in(), into.refresh_token_expires_in},
        {"refresh_token_expires_at", from.has_refresh_token_expires_at(),
         from.refresh_token_expires_at(), into.refresh_token_expires_at},
    };
    for (const auto& path : paths) {
      if (!path.given) continue;
      const std::string key = Key(absl::StrCat("response.", path.name));
      if (absl::Status s = CheckPath(path.path, key); !s.ok()) return s;
      path.into = path.path;
    }
    switch (from.expires_in_unit()) {
      case ProviderResponse::UNIT_MS:
        into.expires_in_unit = broker::TimeUnit::kMilliseconds;
        break;
      case ProviderResponse::UNIT_MIN:
        into.expires_in_unit = broker::TimeUnit::kMinutes;
        break;
      default:
        break;
    }
    into.scheme = from.scheme();
    if (from.has_scheme() && !IsHeaderName(into.scheme)) {
      return source_.Error(Key("response.scheme"), "expected one word, such as Bearer");
    }
    if (from.expose_size() > kMostExposed) {
      return source_.Error(Key("response.expose"),
                           absl::StrCat("names more than ", kMostExposed, " members"));
    }
    for (int i = 0; i < from.expose_size(); ++i) {
      const std::string key = absl::StrCat(Key("response.expose"), "[", i, "]");
      if (absl::Status s = CheckExposed(from.expose(i), key); !s.ok()) return s;
      into.expose.push_back(from.expose(i));
    }
    return absl::OkStatus();
  }

  // What is handed to callers beside the token is no place for another token.
  absl::Status CheckExposed(const std::string& path, const std::string& key) const {
    if (absl::Status s = CheckPath(path, key); !s.ok()) return s;
    const broker::ResponseRules& rules = rules_.response;
    if (path == rules.access_token || path == rules.refresh_token || path == "refresh_token") {
      return source_.Error(key, "is a token: callers are given the access token, and nothing else");
    }
    return absl::OkStatus();
  }

  absl::Status ReadErrors(const Provider& from) {
    if (from.errors_size() > kMostErrors) {
      return source_.Error(Key("errors"), absl::StrCat("more than ", kMostErrors, " rules"));
    }
    for (int i = 0; i < from.errors_size(); ++i) {
      const std::string key = absl::StrCat(Key("errors"), "[", i, "]");
      if (absl::Status s = ReadError(from.errors(i), key); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status ReadError(const ProviderError& from, const std::string& key) {
    broker::ErrorRule rule;
    if (!from.has_means()) return source_.Error(key + ".means", "is required");
    rule.means = MeaningOf(from.means());
    if (from.has_status()) {
      if (from.status() < 100 || from.status() > 999) {
        return source_.Error(key + ".status", "expected an HTTP status, 100 to 999");
      }
      rule.status = static_cast<int>(from.status());
    }
    if (from.has_path() != from.has_equals()) {
      return source_.Error(key + (from.has_path() ? ".equals" : ".path"),
                           "is required: path and equals go together");
    }
    if (from.has_path()) {
      if (absl::Status s = CheckPath(from.path(), key + ".path"); !s.ok()) return s;
      rule.path = from.path();
      rule.equals = from.equals();
    }
    if (from.has_text() && from.text().empty()) {
      return source_.Error(key + ".text", "must not be empty");
    }
    rule.text = from.text();
    if (!from.has_status() && !from.has_path() && !from.has_text()) {
      return source_.Error(key, "fits every answer: give a status, a path with equals, or a text");
    }
    rules_.errors.push_back(std::move(rule));
    return absl::OkStatus();
  }

  absl::Status ReadTiming(const Provider& from) {
    const struct {
      const char* name;
      bool given;
      const google::protobuf::Duration& value;
      absl::Duration least;
      std::optional<absl::Duration>& into;
    } durations[] = {
        {"refresh_before", from.has_refresh_before(), from.refresh_before(), kShortestSetting,
         into_.refresh_before},
        // 0: never replay at once.
        {"replay_window", from.has_replay_window(), from.replay_window(), absl::ZeroDuration(),
         into_.replay_window},
        {"exchange_timeout", from.has_exchange_timeout(), from.exchange_timeout(), kShortestSetting,
         into_.exchange_timeout},
        {"refresh_token_lifetime", from.has_refresh_token_lifetime(), from.refresh_token_lifetime(),
         kShortestSetting, into_.refresh_token_lifetime},
    };
    for (const auto& d : durations) {
      if (!d.given) continue;
      const auto duration = ReadDuration(d.value, Key(d.name), d.least, kLongestSetting, source_);
      if (!duration.ok()) return duration.status();
      d.into = *duration;
    }
    if (!from.has_concurrency()) return absl::OkStatus();
    if (from.concurrency() < 1 || from.concurrency() > 1000) {
      return source_.Error(Key("concurrency"), "expected 1 to 1000");
    }
    into_.concurrency = static_cast<int>(from.concurrency());
    return absl::OkStatus();
  }

  const std::string& path_;
  const ConfigSource& source_;
  ProviderDeclaration into_;
  ProviderRules rules_;
};

}  // namespace

absl::StatusOr<ProviderDeclaration> ReadProvider(const Provider& from, const std::string& path,
                                                 const ConfigSource& source) {
  return ProviderReader(path, source).Read(from);
}

}  // namespace token_service::app
