#include "server/config/callers.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/authz/access_policy.h"
#include "server/authz/caller_identity.h"
#include "server/base/absl_view.h"
#include "server/broker/credential_name.h"
#include "server/config/spelling.h"

namespace token_service::app {
namespace {

void WarnOfNoCallers(ServerConfig& config) {
  const bool plaintext =
      std::any_of(config.listen.begin(), config.listen.end(), [&](const Address& address) {
        return !config.tls.has_value() || std::holds_alternative<UnixAddress>(address);
      });
  if (plaintext) {
    config.warnings.push_back(
        "no callers are configured: whoever can connect without TLS may do everything");
  }
  if (config.tls.has_value()) {
    config.warnings.push_back("no callers are configured: nobody may do anything over TLS");
  }
}

absl::Status ReadRate(const token::config::Caller& from, const std::string& key,
                      const ConfigSource& source, const Limits& limits, Caller& caller) {
  constexpr uint32_t kMost = 1'000'000;
  if (from.rate() > kMost) {
    return source.Error(key + ".rate", absl::StrFormat("expected 0 to %d", kMost));
  }
  if (from.has_burst() && (from.burst() < 1 || from.burst() > kMost)) {
    return source.Error(key + ".burst", absl::StrFormat("expected 1 to %d", kMost));
  }
  if (from.has_rate()) caller.rate = static_cast<int>(from.rate());
  if (from.has_burst()) caller.burst = static_cast<int>(from.burst());
  if (from.has_burst() && caller.rate.value_or(limits.caller_rate) == 0) {
    return source.Error(key + ".burst", "means nothing without a rate");
  }
  return absl::OkStatus();
}

authz::Operating OperatingOf(token::config::Caller::Operator word) {
  switch (word) {
    case token::config::Caller::OPERATOR_TRUE:
      return authz::Operating::kChanging;
    case token::config::Caller::OPERATOR_READ_ONLY:
      return authz::Operating::kReading;
    default:
      return authz::Operating::kNothing;
  }
}

bool ListensOn(const ServerConfig& config, std::string_view path) {
  return std::any_of(config.listen.begin(), config.listen.end(), [path](const Address& address) {
    const auto* socket = std::get_if<UnixAddress>(&address);
    return socket != nullptr && socket->path == path;
  });
}

bool ListensBelow(const ServerConfig& config, std::string_view path_with_slash) {
  return std::any_of(config.listen.begin(), config.listen.end(), [&](const Address& address) {
    const auto* socket = std::get_if<UnixAddress>(&address);
    return socket != nullptr && socket->path.starts_with(path_with_slash);
  });
}

// A socket's identity is made of the path as it is opened: one that is relative, or written another
// way, becomes that. Nobody can have one of a socket that is not there, which may be of a
// configuration that several servers share: a warning.
void ReadSocketIdentity(const std::string& key, const ConfigSource& source, ServerConfig& config,
                        std::string& identity) {
  const auto warn = [&] {
    config.warnings.push_back(absl::StrCat(source.Where(key),
                                           ": no such socket is in listen, and nobody is called ",
                                           QuoteForError(identity)));
  };
  if (identity.ends_with("/*")) {
    const std::string_view below = std::string_view(identity).substr(authz::kUnixPrefix.size());
    if (!ListensBelow(config, below.substr(0, below.size() - 1))) warn();
    return;
  }
  const authz::SocketIdentity parsed = *authz::ParseSocketIdentity(identity);
  if (ListensOn(config, parsed.path)) return;
  const absl::StatusOr<Address> address =
      ParseAddress(absl::StrCat(AbslView(authz::kUnixPrefix), AbslView(parsed.path)));
  const auto* socket = address.ok() ? std::get_if<UnixAddress>(&*address) : nullptr;
  const std::string path = socket == nullptr ? "" : source.Resolve(socket->path);
  if (!ListensOn(config, path)) return warn();
  const std::string suffix =
      parsed.uid.has_value() ? absl::StrCat(AbslView(authz::kUidSuffix), *parsed.uid) : "";
  identity = absl::StrCat(AbslView(authz::kUnixPrefix), path, suffix);
}

absl::Status ReadIdentity(const std::string& key, const ConfigSource& source, ServerConfig& config,
                          std::string& identity) {
  if (const absl::Status shape = authz::CheckEntryIdentity(identity); !shape.ok()) {
    return source.Error(key, std::string(shape.message()));
  }
  if (identity.starts_with(authz::kUnixPrefix)) ReadSocketIdentity(key, source, config, identity);
  return absl::OkStatus();
}

// A name, the beginning of names and `*`, or `*` alone.
absl::Status ReadCredentialOfCaller(const std::string& name, const std::string& at,
                                    const ConfigSource& source,
                                    const std::set<std::string>& declared, ServerConfig& config,
                                    Caller& caller) {
  if (name == "*") {
    caller.all_credentials = true;
    return absl::OkStatus();
  }
  if (name.ends_with('*') && broker::IsCredentialName(name.substr(0, name.size() - 1))) {
    caller.credential_prefixes.push_back(name.substr(0, name.size() - 1));
    return absl::OkStatus();
  }
  if (!broker::IsCredentialName(name)) {
    return source.Error(at, absl::StrCat("expected a credential's name, PREFIX-* or \"*\", got ",
                                         QuoteForError(name)));
  }
  if (!declared.contains(name)) {
    config.warnings.push_back(
        absl::StrFormat("%s: no credential \"%s\" is declared here", source.Where(at), name));
  }
  caller.credentials.push_back(name);
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadCallers(const token::config::ConfigFile& file, const ConfigSource& source,
                         ServerConfig& config) {
  if (!source.Has("callers")) {
    WarnOfNoCallers(config);
    return absl::OkStatus();
  }
  if (config.tls.has_value() && config.tls->client_ca_file.empty()) {
    config.warnings.push_back(
        absl::StrCat(source.Where("tls"),
                     ": no client_ca_file, so that callers over TLS show no certificate and may do "
                     "nothing"));
  }
  std::set<std::string> declared;
  for (const DeclaredCredential& credential : config.credentials) {
    declared.insert(credential.settings.name);
  }
  std::set<std::string> identities;
  std::vector<Caller> callers;
  for (int i = 0; i < file.callers_size(); ++i) {
    const token::config::Caller& from = file.callers(i);
    const std::string key = absl::StrCat("callers[", i, "]");
    if (from.identity().empty()) return source.Error(key + ".identity", "is required");
    Caller caller{.identity = from.identity()};
    if (absl::Status is = ReadIdentity(key + ".identity", source, config, caller.identity);
        !is.ok()) {
      return is;
    }
    if (!identities.insert(caller.identity).second) {
      return source.Error(key + ".identity",
                          absl::StrCat(QuoteForError(from.identity()), " given twice"));
    }
    if (absl::Status rate = ReadRate(from, key, source, config.limits, caller); !rate.ok()) {
      return rate;
    }
    caller.operating = OperatingOf(from.operator_());
    for (int j = 0; j < from.credentials_size(); ++j) {
      const std::string at = absl::StrCat(key, ".credentials[", j, "]");
      absl::Status read =
          ReadCredentialOfCaller(from.credentials(j), at, source, declared, config, caller);
      if (!read.ok()) return read;
    }
    if (caller.operating != authz::Operating::kNothing && from.credentials().empty()) {
      config.warnings.push_back(absl::StrCat(
          source.Where(key + ".operator"),
          ": an operator manages the credentials that it may use, and this one names none; "
          "credentials: [\"*\"] names all"));
    }
    callers.push_back(std::move(caller));
  }
  config.callers = std::move(callers);
  return absl::OkStatus();
}

}  // namespace token_service::app
