#include "server/config/provider_declaration.h"

#include "server/config/builtin_provider.h"
#include "server/config/spelling.h"
#include "server/providers/builtin.h"

namespace token_service::app {

void ProviderDeclaration::ApplyTo(broker::CredentialSettings& settings) const {
  settings.provider = rules;
  if (!token_endpoint.empty()) settings.token_endpoint = token_endpoint;
  settings.client_auth = client_auth.value_or(settings.client_auth);
  settings.refresh_before = refresh_before.value_or(settings.refresh_before);
  settings.replay_window = replay_window.value_or(settings.replay_window);
  settings.exchange_timeout = exchange_timeout.value_or(settings.exchange_timeout);
  settings.refresh_token_lifetime =
      refresh_token_lifetime.value_or(settings.refresh_token_lifetime);
  if (concurrency != 0) settings.concurrency = concurrency;
}

ProviderDeclarationPtr FindProvider(const ProviderDeclarations& own, std::string_view name) {
  const auto found = own.find(name);
  return found == own.end() ? BuiltinProvider(name) : found->second;
}

std::string NearestProvider(const ProviderDeclarations& own, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [known, declaration] : own) names.push_back(known);
  for (const providers::Builtin& builtin : providers::AllBuiltin()) {
    names.emplace_back(builtin.name);
  }
  return NearestWord(std::string(name), names);
}

}  // namespace token_service::app
