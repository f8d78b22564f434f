#include "server/broker/credential_store.h"

#include <array>
#include <utility>

namespace token_service::broker {

GrantState GrantAfter(GrantState before, AttemptEnd end) {
  if (before == GrantState::kDead || end == AttemptEnd::kDead) return GrantState::kDead;
  return end == AttemptEnd::kClientRefused ? GrantState::kClientRefused : GrantState::kUsable;
}

StoredToken StoredAt(const Moment& now, const IssuedToken& token) {
  const Moment issued = MomentBefore(now, token.age);
  return {.value = token.value.Copy(),
          .token_type = token.token_type,
          .scope = token.scope,
          .properties = token.properties,
          .issued = issued,
          .expires = issued.wall + token.lifetime};
}

RefreshTokenTimes TimesAfter(const RefreshTokenTimes& before, const Rotation& rotation,
                             absl::Time issued) {
  RefreshTokenTimes after = before;
  if (rotation.rotated) after = {.since = issued, .expires = {}, .last_rotation = issued};
  if (rotation.refresh_token_lifetime.has_value()) {
    after.expires = issued + *rotation.refresh_token_lifetime;
  }
  return after;
}

absl::StatusOr<StoreChanges> CredentialStore::ChangesSince(const std::string&) {
  return StoreChanges();
}

absl::StatusOr<Applied> CredentialStore::ApplyOne(CredentialChange change) {
  return Apply(absl::MakeConstSpan(&change, 1), [] {});
}

absl::Status CredentialStore::Create(const CredentialRecord& record) {
  return ApplyOne(CreateCredential{.record = record.Copy(), .from_file = !record.seed.empty()})
      .status();
}

absl::Status CredentialStore::UpdateProfile(std::string_view name,
                                            const CredentialProfile& profile) {
  return ApplyOne(ChangeProfile{.name = std::string(name), .profile = profile.Copy()}).status();
}

absl::Status CredentialStore::ReplaceRefreshToken(std::string_view name,
                                                  const Secret& refresh_token) {
  return ApplyOne(ReplaceGrant{.name = std::string(name), .refresh_token = refresh_token.Copy()})
      .status();
}

absl::StatusOr<SeedOutcome> CredentialStore::Adopt(std::string_view name, const Secret& seed) {
  absl::StatusOr<Applied> applied =
      ApplyOne(AdoptSeed{.name = std::string(name), .seed = seed.Copy()});
  if (!applied.ok()) return applied.status();
  return std::move(applied->seeds.front());
}

absl::Status CredentialStore::Disable(std::string_view name) {
  return ApplyOne(SetDisabled{.name = std::string(name), .disabled = true}).status();
}

absl::Status CredentialStore::Enable(std::string_view name) {
  return ApplyOne(SetDisabled{.name = std::string(name), .disabled = false}).status();
}

absl::Status CredentialStore::Move(std::string_view name, const CredentialProfile& profile,
                                   const Secret& refresh_token) {
  std::array<CredentialChange, 2> changes = {
      ChangeProfile{.name = std::string(name), .profile = profile.Copy()},
      ReplaceGrant{.name = std::string(name), .refresh_token = refresh_token.Copy()}};
  return Apply(changes, [] {}).status();
}

}  // namespace token_service::broker
