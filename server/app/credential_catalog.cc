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

// How often a plan is made anew that the store overtakes.
constexpr int kMaxPlans = 5;

}  // namespace

absl::Status CredentialCatalog::CompareWithStore(const ServerConfig& config, Declarations& read) {
  absl::Status status = store_.ForEach([&read](const CredentialRecord& record) {
    const auto found = read.credentials.find(record.name);
    if (found != read.credentials.end()) found->second.stored = true;
  });
  if (!status.ok()) return status;
  return CheckTokens(config, read);
}

// ---- putting in force

absl::StatusOr<StoredCredentials> CredentialCatalog::ReadStored(
    absl::FunctionRef<void()> progress) {
  StoredCredentials stored;
  absl::Status status = store_.ForEach([&](CredentialRecord record) {
    progress();
    if (broker::IsCredentialName(record.name)) {
      std::string name = record.name;
      stored.emplace(std::move(name), std::move(record));
      return;
    }
    // Put there by hand. Nobody could ask for it, and not every answer can hold its name.
    Log(Level::kError, "passed over: a stored credential's name is none",
        {{"credential", record.name}});
  });
  if (!status.ok()) return status;
  return stored;
}

// Of the refresh tokens in files that are news to their credentials.
absl::StatusOr<KnownTokens> CredentialCatalog::LookUpTokens(const Declarations& next,
                                                            const StoredCredentials& stored,
                                                            absl::FunctionRef<void()> progress) {
  KnownTokens known;
  for (const auto& [name, declared] : next.credentials) {
    if (declared.refresh_token_file.empty() || !declared.refresh_token.ok()) continue;
    const auto found = stored.find(name);
    if (found != stored.end() && SaysAsBefore(*declared.refresh_token, found->second)) continue;
    const auto one = store_.LookUp(name, *declared.refresh_token, /*from_file=*/true);
    if (!one.ok()) return one.status();
    known.emplace(name, *one);
    progress();
  }
  return known;
}

absl::StatusOr<DeclarationPlan> CredentialCatalog::PlanAndApply(
    const Declarations& next, absl::FunctionRef<void()> progress) {
  absl::StatusOr<StoredCredentials> stored = ReadStored(progress);
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<KnownTokens> known = LookUpTokens(next, *stored, progress);
  if (!known.ok()) return known.status();
  DeclarationPlan plan = PlanChanges(next, *std::move(stored), *known, clock_.WallNow());
  if (absl::Status status = store_.Apply(plan.changes, progress); !status.ok()) return status;
  return plan;
}

absl::StatusOr<CredentialCatalog::Taken> CredentialCatalog::PutInForce(
    Declarations next, absl::FunctionRef<void()> progress) {
  absl::StatusOr<DeclarationPlan> plan = PlanAndApply(next, progress);
  for (int i = 1; i < kMaxPlans && broker::SpentTokenOf(plan.status()).has_value(); ++i) {
    // A refresh token was spent between our look and the change.
    plan = PlanAndApply(next, progress);
  }
  if (!plan.ok()) return plan.status();
  // From here on nothing fails.
  for (const DeclarationPlan::Note& note : plan->notes) note.Log();
  Taken taken{.stored = {}, .adopted = std::move(plan->adopted)};
  for (auto& [name, record] : plan->after) taken.stored.push_back(std::move(record));
  for (auto& [name, declared] : next.credentials) declared.refresh_token = Secret();
  auto in_force = std::make_shared<const Declarations>(std::move(next));
  absl::MutexLock lock(&mutex_);
  std::swap(in_force_, in_force);
  return taken;
}

absl::StatusOr<bool> CredentialCatalog::AdoptFromFile(const std::string& name,
                                                      const Secret& refresh_token) {
  absl::StatusOr<CredentialRecord> record = store_.Load(name);
  if (!record.ok()) return record.status();
  if (record->unreadable || SaysAsBefore(refresh_token, *record)) return false;
  const auto known = store_.LookUp(name, refresh_token, /*from_file=*/true);
  if (!known.ok()) return known.status();
  const auto in_force = InForce();
  const auto declared = in_force->credentials.find(name);
  DeclarationPlan plan;
  PlanToken(declared == in_force->credentials.end() ? "" : declared->second.refresh_token_file,
            refresh_token, *known, *record, plan);
  if (absl::Status status = store_.Apply(plan.changes, [] {}); !status.ok()) return status;
  for (const DeclarationPlan::Note& note : plan.notes) note.Log();
  return !plan.adopted.empty();
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
