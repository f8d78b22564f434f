#include "server/broker/credential_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/absl_view.h"
#include "server/broker/client_auth.h"
#include "server/broker/from_store.h"
#include "server/broker/token_endpoint_url.h"
#include "server/telemetry/log.h"

namespace token_service::broker {
namespace {

using telemetry::Level;
using telemetry::Log;

void LogChange(std::string_view event, std::string_view credential) {
  Log(Level::kInfo, event, {{"credential", credential}});
}

}  // namespace

CredentialRegistry::CredentialRegistry(CredentialStore& store, RefreshScheduler& scheduler,
                                       const SettingsSource& settings, Executor& executor,
                                       const Clock& clock)
    : store_(store),
      scheduler_(scheduler),
      settings_(settings),
      executor_(executor),
      clock_(clock) {}

// ---- create

void CredentialRegistry::Create(NewCredential wanted, Done done) {
  std::optional<Refusal> refusal = CheckName(wanted.name);
  if (!refusal.has_value()) refusal = FillIn(wanted.profile, /*scope=*/true);
  if (!refusal.has_value()) refusal = Check(wanted.profile);
  if (!refusal.has_value()) refusal = CheckOriginOf(wanted.profile);
  if (!refusal.has_value()) refusal = CheckRefreshToken(wanted.profile, wanted.refresh_token);
  if (refusal.has_value()) return done(*std::move(refusal));
  executor_.Run([this, creation = Creation{std::move(wanted), std::move(done)}]() mutable {
    CreateNow(std::move(creation));
  });
}

std::optional<Refusal> CredentialRegistry::Check(const CredentialProfile& profile) const {
  if (std::optional<Refusal> refusal = CheckProfile(profile); refusal.has_value()) return refusal;
  if (settings_.HasDefaultClientKey(profile.token_endpoint)) return std::nullopt;
  constexpr char kWants[] =
      "needs client_key_file in the configuration's defaults, and their token_endpoint";
  if (ClientAuthFromName(profile.client_auth) == ClientAuth::kPrivateKeyJwt) {
    return InvalidField("client_auth", absl::StrCat("private_key_jwt ", kWants));
  }
  if (profile.grant == GrantName(JwtBearerGrant{})) {
    return InvalidField("grant", absl::StrCat("jwt_bearer ", kWants));
  }
  return std::nullopt;
}

std::optional<Refusal> CredentialRegistry::CheckOriginOf(const CredentialProfile& profile) const {
  if (!settings_.SecretsGoTo(profile.provider, profile.token_endpoint)) {
    return InvalidField("token_endpoint",
                        "the provider's rules have secrets, which go to the provider alone");
  }
  if (settings_.PermitsOrigin(OriginOf(profile.token_endpoint))) return std::nullopt;
  return InvalidField("token_endpoint",
                      "its origin is none that the configuration permits (token_endpoints)");
}

std::optional<Refusal> CredentialRegistry::FillIn(CredentialProfile& profile, bool scope) const {
  std::optional<SettingsSource::ProfileDefaults> defaults = settings_.DefaultsFor(profile.provider);
  if (!defaults.has_value()) {
    return InvalidField("provider", "neither the configuration nor the service knows this one");
  }
  const auto fill = [](std::string& field, std::string& value) {
    if (field.empty()) field = std::move(value);
  };
  fill(profile.token_endpoint, defaults->token_endpoint);
  fill(profile.client_auth, defaults->client_auth);
  if (scope) fill(profile.scope, defaults->scope);
  return std::nullopt;
}

void CredentialRegistry::CreateNow(Creation creation) {
  if (const auto departing = departing_.find(creation.wanted.name); departing != departing_.end()) {
    departing->second.push_back(std::move(creation));
    return;
  }
  creation.done(Store(std::move(creation.wanted)));
}

CredentialRegistry::Outcome CredentialRegistry::Store(NewCredential wanted) {
  CredentialRecord record;
  record.name = wanted.name;
  record.profile = std::move(wanted.profile);
  record.refresh_token = std::move(wanted.refresh_token);
  record.create_time = clock_.WallNow();
  WarnIfShared(record.name, record.refresh_token);
  if (const absl::Status created = store_.Create(record); !created.ok()) {
    return FromStore(created, record.name);
  }
  LogChange("credential created", record.name);
  scheduler_.Add(settings_.SettingsOf(record), record);
  // Also with `refresh: on_demand`: whether the grant works is what its giver wants to know.
  scheduler_.Demand(record.name, RefreshScheduler::Need::kNow, 0);
  return StatusOf(record.name, ChangesBetween({}, record.profile, /*refresh_token=*/true));
}

void CredentialRegistry::WarnIfShared(const std::string& name, const Secret& refresh_token) {
  const auto known = store_.LookUp(name, refresh_token);
  if (!known.ok() || !known->shared || known->spent.has_value()) return;
  Log(Level::kWarning,
      "another credential has the same refresh token: should the provider ever replace it, one of "
      "them is left with a spent one",
      {{"credential", name}});
}

// ---- change

void CredentialRegistry::Update(std::string name, ProfileChange change, Done done) {
  if (std::optional<Refusal> refusal = CheckName(name); refusal.has_value()) {
    return done(*std::move(refusal));
  }
  executor_.Run([this, name = std::move(name), change = std::move(change),
                 done = std::move(done)]() mutable { done(UpdateNow(name, change)); });
}

CredentialRegistry::Outcome CredentialRegistry::UpdateNow(const std::string& name,
                                                          const ProfileChange& change) {
  absl::StatusOr<CredentialRecord> record = store_.Load(name);
  if (!record.ok()) return FromStore(record.status(), name);
  if (settings_.Declares(name)) return MakeRefusal(Reason::kManagedByConfig);
  if (!Usable(*record)) return MakeRefusal(Reason::kCredentialDisabled);
  const CredentialProfile before = record->profile.Copy();
  change.ApplyTo(record->profile);
  if (auto refusal = FillIn(record->profile, /*scope=*/false)) return *std::move(refusal);
  if (auto refusal = CheckChange(before, record->profile, change)) return *std::move(refusal);
  const absl::Status stored = change.refresh_token.has_value()
                                  ? store_.Move(name, record->profile, *change.refresh_token)
                                  : store_.UpdateProfile(name, record->profile);
  if (!stored.ok()) return FromStore(stored, name);
  LogChange("credential updated", name);
  scheduler_.Update(settings_.SettingsOf(*record));
  if (change.refresh_token.has_value()) {
    LogChange("refresh token replaced", name);
    scheduler_.OnGrantReplaced(name, RefreshScheduler::Hold::kEnds);
  }
  return StatusOf(name, ChangesBetween(before, record->profile, change.refresh_token.has_value()));
}

std::optional<Refusal> CredentialRegistry::CheckChange(const CredentialProfile& before,
                                                       const CredentialProfile& after,
                                                       const ProfileChange& change) const {
  std::optional<Refusal> refusal = Check(after);
  // One that was there before the configuration said otherwise stays.
  const bool moves = OriginOf(before.token_endpoint) != OriginOf(after.token_endpoint) ||
                     before.provider != after.provider;
  if (!refusal.has_value() && moves) {
    refusal = CheckOriginOf(after);
  }
  if (!refusal.has_value()) refusal = CheckDestination(before, after, change);
  if (!refusal.has_value() && change.refresh_token.has_value()) {
    refusal = CheckRefreshToken(after, *change.refresh_token);
  }
  return refusal;
}

void CredentialRegistry::ReplaceRefreshToken(std::string name, Secret refresh_token, Done done) {
  std::optional<Refusal> refusal = CheckName(name);
  if (!refusal.has_value()) refusal = CheckRefreshToken(refresh_token);
  if (refusal.has_value()) return done(*std::move(refusal));
  executor_.Run([this, name = std::move(name), refresh_token = std::move(refresh_token),
                 done = std::move(done)]() mutable { done(ReplaceNow(name, refresh_token)); });
}

CredentialRegistry::Outcome CredentialRegistry::ReplaceNow(const std::string& name,
                                                           const Secret& refresh_token) {
  const absl::StatusOr<CredentialRecord> record = store_.Load(name);
  if (!record.ok()) return FromStore(record.status(), name);
  if (auto refusal = CheckRefreshToken(record->profile, refresh_token)) return *std::move(refusal);
  // It would not be usable: the store would take a new grant for the end of what disabled it.
  if (!Usable(*record)) return MakeRefusal(Reason::kCredentialDisabled);
  WarnIfShared(name, refresh_token);
  const absl::Status stored = store_.ReplaceRefreshToken(name, refresh_token);
  if (!stored.ok()) return FromStore(stored, name);
  LogChange("refresh token replaced", name);
  scheduler_.OnGrantReplaced(name, RefreshScheduler::Hold::kEnds);
  return StatusOf(name, {{"refresh_token", {}}});
}

void CredentialRegistry::Release(std::string name, Done done) {
  if (std::optional<Refusal> refusal = CheckName(name); refusal.has_value()) {
    return done(*std::move(refusal));
  }
  executor_.Run(
      [this, name = std::move(name), done = std::move(done)]() mutable { done(ReleaseNow(name)); });
}

CredentialRegistry::Outcome CredentialRegistry::ReleaseNow(const std::string& name) {
  if (const absl::Status stored = store_.Release(name); !stored.ok()) {
    return FromStore(stored, name);
  }
  LogChange("credential released", name);
  scheduler_.OnReleased(name);
  return StatusOf(name, {});
}

// ---- delete

void CredentialRegistry::Delete(std::string name, Deleted done) {
  if (std::optional<Refusal> refusal = CheckName(name); refusal.has_value()) {
    return done(std::move(refusal));
  }
  executor_.Run(
      [this, name = std::move(name), done = std::move(done)]() mutable { done(DeleteNow(name)); });
}

std::optional<Refusal> CredentialRegistry::DeleteNow(const std::string& name) {
  if (settings_.Declares(name)) return MakeRefusal(Reason::kManagedByConfig);
  if (const absl::Status purged = store_.Delete(name); !purged.ok()) {
    return FromStore(purged, name);
  }
  LogChange("credential deleted", name);
  // A refresh of it may be in the air: its token must not come down under a new credential of this
  // name, nor the new one's refresh token go where the old one's went.
  departing_[name];
  scheduler_.Remove(name, [this, name] { executor_.Run([this, name] { OnLanded(name); }); });
  return std::nullopt;
}

void CredentialRegistry::OnLanded(const std::string& name) {
  const auto departing = departing_.find(name);
  if (departing == departing_.end()) return;
  std::vector<Creation> waiting = std::move(departing->second);
  departing_.erase(departing);
  for (Creation& creation : waiting) CreateNow(std::move(creation));
}

void CredentialRegistry::RefuseWaiting() {
  executor_.Run([this] {
    for (auto& [name, waiting] : departing_) {
      for (Creation& creation : std::exchange(waiting, {})) {
        creation.done(MakeRefusal(Reason::kShuttingDown));
      }
    }
  });
}

// ---- what is declared

bool CredentialRegistry::Departing(std::string_view name) const {
  return departing_.contains(AbslView(name));
}

void CredentialRegistry::TakeUp(const std::vector<CredentialRecord>& stored,
                                absl::FunctionRef<void()> progress) {
  for (const CredentialRecord& record : stored) {
    TakeUpOne(record);
    progress();
  }
}

void CredentialRegistry::TakeUpOne(const CredentialRecord& record) {
  const std::string& name = record.name;
  CredentialSettingsPtr settings = settings_.SettingsOf(record);
  const std::optional<CredentialStatus> known = scheduler_.Status(name);
  if (!known.has_value()) {
    scheduler_.Add(std::move(settings), record);
    if (!Usable(record)) scheduler_.Disable(name);
    return;
  }
  const bool enabled = known->state != CredentialState::kDisabled;
  if (enabled && !Usable(record)) {
    scheduler_.Disable(name);
  } else if (!enabled && Usable(record)) {
    scheduler_.Enable(std::move(settings), record);
    LogChange("credential enabled: the configuration declares it again", name);
  } else if (*settings != *known->settings) {
    scheduler_.Update(std::move(settings));
    LogChange("credential's settings changed", name);
  }
}

bool CredentialRegistry::Usable(const CredentialRecord& record) {
  return !record.disabled && !record.unreadable;
}

// ---- look

CredentialRegistry::Outcome CredentialRegistry::StatusOf(const std::string& name,
                                                         std::vector<FieldChange> changes) const {
  std::optional<CredentialStatus> status = scheduler_.Status(name);
  if (!status.has_value()) return MakeRefusal(Reason::kCredentialNotFound);
  status->changes = std::move(changes);
  return *std::move(status);
}

std::optional<CredentialStatus> CredentialRegistry::Get(std::string_view name) const {
  return scheduler_.Status(name);
}

std::vector<CredentialStatus> CredentialRegistry::List(std::string_view after, size_t most) const {
  return scheduler_.List(after, most);
}

}  // namespace token_service::broker
