#include "server/broker/credential_store.h"

#include <array>
#include <utility>

namespace token_service::broker {

GrantState GrantAfter(GrantState before, AttemptEnd end) {
  if (before == GrantState::kDead || end == AttemptEnd::kDead) return GrantState::kDead;
  return end == AttemptEnd::kClientRefused ? GrantState::kClientRefused : GrantState::kUsable;
}

RefreshTokenTimes TimesAfter(const RefreshTokenTimes& before, const Rotation& rotation) {
  RefreshTokenTimes after = before;
  if (rotation.rotated) {
    const absl::Time when = rotation.token.issued.wall;
    after = {.since = when, .expires = {}, .last_rotation = when};
  }
  if (rotation.refresh_token_expires.has_value()) after.expires = rotation.refresh_token_expires;
  return after;
}

absl::Status CredentialStore::ApplyOne(CredentialChange change) {
  return Apply(absl::MakeConstSpan(&change, 1), [] {});
}

absl::Status CredentialStore::Create(const CredentialRecord& record) {
  return ApplyOne(CreateCredential{.record = record.Copy(), .from_file = !record.seed.empty()});
}

absl::Status CredentialStore::UpdateProfile(std::string_view name,
                                            const CredentialProfile& profile) {
  return ApplyOne(ChangeProfile{.name = std::string(name), .profile = profile.Copy()});
}

absl::Status CredentialStore::ReplaceRefreshToken(std::string_view name,
                                                  const Secret& refresh_token, bool from_file) {
  return ApplyOne(ReplaceGrant{
      .name = std::string(name), .refresh_token = refresh_token.Copy(), .from_file = from_file});
}

absl::Status CredentialStore::Disable(std::string_view name) {
  return ApplyOne(SetDisabled{.name = std::string(name), .disabled = true});
}

absl::Status CredentialStore::Enable(std::string_view name) {
  return ApplyOne(SetDisabled{.name = std::string(name), .disabled = false});
}

absl::Status CredentialStore::Move(std::string_view name, const CredentialProfile& profile,
                                   const Secret& refresh_token) {
  std::array<CredentialChange, 2> changes = {
      ChangeProfile{.name = std::string(name), .profile = profile.Copy()},
      ReplaceGrant{.name = std::string(name), .refresh_token = refresh_token.Copy()}};
  return Apply(changes, [] {});
}

}  // namespace token_service::broker
