// RefreshBook: what others have written in the store.
#include <utility>

#include "server/broker/refresh_book.h"

namespace token_service::broker {

RefreshActions RefreshBook::OnStored(CredentialSettingsPtr settings, const CredentialRecord& record,
                                     const RefreshFacts& facts, MonotonicTime now,
                                     absl::Time wall) {
  ScheduledCredential* credential = Find(record.name);
  if (credential != nullptr && credential->create_time != record.create_time) {
    // A namesake, made where the one that is known was deleted.
    Remove(record.name, nullptr);
    credential = nullptr;
  }
  if (credential == nullptr) {
    Add(std::move(settings), record, facts, now);
  } else if (record.version > credential->version && record.generation >= credential->generation) {
    TakeIn(*credential, std::move(settings), record, facts, now, wall);
  }
  return Done(now);
}

void RefreshBook::TakeIn(ScheduledCredential& credential, CredentialSettingsPtr settings,
                         const CredentialRecord& record, const RefreshFacts& facts,
                         MonotonicTime now, absl::Time wall) {
  const bool newer = record.generation > credential.generation;
  const bool replaced = !newer && record.grant_serial > credential.grant_serial;
  const bool was_disabled = credential.disabled;
  credential.version = record.version;
  credential.grant_serial = record.grant_serial;
  credential.disabled = record.disabled || record.unreadable;
  if (*settings != *credential.settings) TakeSettings(credential, std::move(settings), now);
  if (auto* const flying = std::get_if<Flying>(&credential.state)) {
    // What it brings is of the refresh token before.
    flying->replaced = flying->replaced || replaced;
  } else if (auto* const unsaved = std::get_if<Unsaved>(&credential.state)) {
    unsaved->replaced = unsaved->replaced || replaced;
  } else {
    credential.TakeInGrant(record, facts);
  }
  const AccessTokenPtr shown = credential.facts.token;
  credential.TakeInToken(record, facts, LandingAt(credential, now, wall));
  if (credential.disabled) {
    Hide(credential);
  } else if (credential.facts.token != nullptr &&
             (was_disabled || credential.facts.token != shown)) {
    Show(credential);
  }
  if (!credential.flying() && !credential.unsaved()) {
    // Nobody need ask for what has come.
    const bool elsewhere = credential.elsewhere() && !newer;
    agenda_.Wake(credential);
    Rest(credential, now, elsewhere);
  }
  if (credential.latched() && !newer) {
    TellRefusal(credential, now);
  } else if (newer) {
    Do(Tell{credential.name(), std::nullopt});
  }
}

RefreshActions RefreshBook::OnDeleted(const DeletedCredential& deleted, MonotonicTime now) {
  const ScheduledCredential* const credential = Find(deleted.name);
  if (credential == nullptr || credential->create_time != deleted.create_time) return {};
  Remove(deleted.name, nullptr);
  return Done(now);
}

}  // namespace token_service::broker
