#include "server/app/credential_catalog.h"

#include <memory>
#include <utility>
#include <vector>

#include "server/broker/client_auth.h"
#include "server/broker/credential_name.h"
#include "server/broker/token_endpoint_url.h"
#include "server/config/builtin_provider.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using broker::ClientAuth;
using broker::ClientAuthFromName;
using broker::CredentialRecord;
using broker::CredentialSettings;
using telemetry::Level;
using telemetry::Log;

std::string FileOf(const Declarations& declarations, const std::string& name) {
  const auto found = declarations.credentials.find(name);
  return found == declarations.credentials.end() ? "" : found->second.refresh_token_file;
}

}  // namespace

// ---- putting in force

absl::StatusOr<StoredCredentials> CredentialCatalog::ReadStored(
    const Declarations& next, absl::FunctionRef<void()> progress) {
  StoredCredentials stored;
  absl::Status status = store_.ForEach([&](const CredentialRecord& record) {
    progress();
    if (!broker::IsCredentialName(record.name)) {
      // Put there by hand. Nobody could ask for it, and not every answer can hold its name.
      Log(Level::kError, "passed over: a stored credential's name is none",
          {{"credential", record.name}});
      return;
    }
    const auto declared = next.credentials.find(record.name);
    const bool news = declared != next.credentials.end() && FileIsNews(declared->second, record);
    stored.emplace(record.name, StoredCredential{.record = record.CopyWithoutRefreshToken(),
                                                 .file_is_news = news});
  });
  if (!status.ok()) return status;
  return stored;
}

absl::StatusOr<CredentialCatalog::Taken> CredentialCatalog::PutInForce(
    Declarations next, absl::FunctionRef<void()> progress) {
  absl::StatusOr<StoredCredentials> stored = ReadStored(next, progress);
  if (!stored.ok()) return stored.status();
  absl::Status usable = CheckTokens(
      next, [&stored](std::string_view name) { return stored->find(name) != stored->end(); });
  if (!usable.ok()) return usable;
  const DeclarationPlan plan = PlanChanges(next, *stored, clock_.WallNow());
  absl::StatusOr<broker::Applied> applied = store_.Apply(plan.changes, progress);
  if (!applied.ok()) return applied.status();
  // From here on nothing fails.
  Taken taken;
  for (const std::string& name : plan.dropped) LogDropped(name);
  for (const broker::SeedOutcome& outcome : applied->seeds) {
    const bool made = !stored->contains(outcome.name);
    LogSeed(outcome, FileOf(next, outcome.name), made);
    const bool adopted = outcome.became == broker::SeedOutcome::Became::kAdopted;
    if (adopted && !made) taken.adopted.push_back(outcome.name);
  }
  for (CredentialRecord& record : applied->records) {
    std::string name = record.name;
    (*stored)[std::move(name)].record = std::move(record);
  }
  for (auto& [name, credential] : *stored) taken.stored.push_back(std::move(credential.record));
  for (auto& [name, declared] : next.credentials) declared.refresh_token = Secret();
  auto in_force = std::make_shared<const Declarations>(std::move(next));
  absl::MutexLock lock(&mutex_);
  std::swap(in_force_, in_force);
  return taken;
}

absl::StatusOr<bool> CredentialCatalog::AdoptFromFile(const std::string& name,
                                                      const Secret& refresh_token) {
  const absl::StatusOr<broker::SeedOutcome> outcome = store_.Adopt(name, refresh_token);
  if (!outcome.ok()) return outcome.status();
  LogSeed(*outcome, FileOf(*InForce(), name), /*made=*/false);
  return outcome->became == broker::SeedOutcome::Became::kAdopted;
}

// ---- SettingsSource

namespace {

// Whoever made the credential chose its endpoint, and its client_id; whoever wrote the
// configuration chose the key, for one endpoint.
bool KeySignsFor(const Declarations& in_force, std::string_view endpoint) {
  return !in_force.default_key.empty() && endpoint == in_force.defaults.settings.token_endpoint;
}

// Whoever made the credential chose its endpoint; whoever wrote the configuration chose what its
// secrets are shown to: the provider's own endpoint, or where it has none, that of the defaults.
bool MayShowSecrets(const Declarations& in_force, const ProviderDeclaration& provider,
                    std::string_view endpoint) {
  if (!provider.rules->has_secrets()) return true;
  const std::string& own = provider.token_endpoint.empty()
                               ? in_force.defaults.settings.token_endpoint
                               : provider.token_endpoint;
  return broker::OriginOf(own) == broker::OriginOf(endpoint);
}

}  // namespace

std::shared_ptr<const Declarations> CredentialCatalog::InForce() const {
  absl::MutexLock lock(&mutex_);
  return in_force_;
}

broker::CredentialSettingsPtr CredentialCatalog::SettingsOf(const CredentialRecord& record) const {
  const std::shared_ptr<const Declarations> in_force = InForce();
  if (const auto declared = in_force->credentials.find(record.name);
      declared != in_force->credentials.end()) {
    return declared->second.settings;
  }
  CredentialSettings settings = in_force->defaults.settings.Copy();
  const std::string& provider =
      record.profile.provider.empty() ? in_force->defaults.provider : record.profile.provider;
  const ProviderDeclarationPtr rules = FindProvider(in_force->providers, provider);
  if (rules != nullptr) rules->ApplyTo(settings);
  settings.name = record.name;
  settings.purpose = record.profile.purpose;
  settings.client_id = record.profile.client_id;
  settings.token_endpoint = record.profile.token_endpoint;
  if (rules != nullptr && !MayShowSecrets(*in_force, *rules, settings.token_endpoint)) {
    settings.provider = broker::ProviderRulesPtr(rules->rules->WithoutSecrets());
  }
  settings.scope = record.profile.scope;
  settings.client_auth = ClientAuthFromName(record.profile.client_auth).value_or(ClientAuth::kNone);
  if (!record.profile.client_secret.empty()) {
    settings.client_secrets.push_back(record.profile.client_secret.Copy());
  }
  settings.grant =
      broker::GrantFromName(record.profile.grant).value_or(broker::RefreshTokenGrant{});
  if (KeySignsFor(*in_force, settings.token_endpoint)) {
    settings.client_key.pem = in_force->default_key.Copy();
  }
  return std::make_shared<const CredentialSettings>(std::move(settings));
}

bool CredentialCatalog::Declares(std::string_view name) const {
  return InForce()->credentials.contains(name);
}

std::optional<broker::SettingsSource::ProfileDefaults> CredentialCatalog::DefaultsFor(
    std::string_view provider) const {
  const std::shared_ptr<const Declarations> in_force = InForce();
  const CredentialDefaults& defaults = in_force->defaults;
  ProfileDefaults profile{.token_endpoint = defaults.settings.token_endpoint,
                          .scope = defaults.settings.scope,
                          .client_auth = std::string(ClientAuthName(ClientAuth::kNone))};
  const std::string_view name = provider.empty() ? std::string_view(defaults.provider) : provider;
  if (name.empty()) return profile;
  const ProviderDeclarationPtr rules = FindProvider(in_force->providers, name);
  if (rules == nullptr) return std::nullopt;
  // One that is to be filled in by hand is none.
  if (!rules->token_endpoint.empty()) {
    const bool whole = rules->token_endpoint.find('{') == std::string::npos;
    profile.token_endpoint = whole ? rules->token_endpoint : std::string();
  }
  if (rules->client_auth.has_value()) {
    profile.client_auth = std::string(ClientAuthName(*rules->client_auth));
  }
  return profile;
}

bool CredentialCatalog::PermitsOrigin(std::string_view origin) const {
  const std::shared_ptr<const Declarations> in_force = InForce();
  if (in_force->origins.contains(origin)) return true;
  return in_force->builtin_origins && IsBuiltinOrigin(origin);
}

bool CredentialCatalog::SecretsGoTo(std::string_view provider,
                                    std::string_view token_endpoint) const {
  const std::shared_ptr<const Declarations> in_force = InForce();
  const std::string_view name =
      provider.empty() ? std::string_view(in_force->defaults.provider) : provider;
  const ProviderDeclarationPtr rules = FindProvider(in_force->providers, name);
  return rules == nullptr || MayShowSecrets(*in_force, *rules, token_endpoint);
}

bool CredentialCatalog::HasDefaultClientKey(std::string_view token_endpoint) const {
  return KeySignsFor(*InForce(), token_endpoint);
}

}  // namespace token_service::app
