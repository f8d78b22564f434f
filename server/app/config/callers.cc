#include "server/app/config/callers.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/app/config/spelling.h"
#include "server/authz/access_policy.h"
#include "server/broker/credential_name.h"

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
    if (const absl::Status shape = authz::CheckEntryIdentity(from.identity()); !shape.ok()) {
      return source.Error(key + ".identity", std::string(shape.message()));
    }
    if (!identities.insert(from.identity()).second) {
      return source.Error(key + ".identity",
                          absl::StrCat(QuoteForError(from.identity()), " given twice"));
    }
    Caller caller;
    if (absl::Status rate = ReadRate(from, key, source, config.limits, caller); !rate.ok()) {
      return rate;
    }
    caller.identity = from.identity();
    caller.is_operator = from.operator_();
    for (int j = 0; j < from.credentials_size(); ++j) {
      const std::string& name = from.credentials(j);
      const std::string at = absl::StrCat(key, ".credentials[", j, "]");
      if (name == "*") {
        caller.all_credentials = true;
        continue;
      }
      if (!broker::IsCredentialName(name)) {
        return source.Error(
            at, absl::StrCat("expected a credential's name or \"*\", got ", QuoteForError(name)));
      }
      if (!declared.contains(name)) {
        config.warnings.push_back(
            absl::StrFormat("%s: no credential \"%s\" is declared here", source.Where(at), name));
      }
      caller.credentials.push_back(name);
    }
    callers.push_back(std::move(caller));
  }
  config.callers = std::move(callers);
  return absl::OkStatus();
}

}  // namespace token_service::app
