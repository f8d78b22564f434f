#include "server/store/sealing_credential_store.h"

#include <cstdint>
#include <map>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace token_service::store {

using broker::CredentialRecord;

namespace {

// How often ReplaceRefreshToken follows a generation that moves away under it.
constexpr int kMaxReplaceTries = 5;

absl::Status Unreadable() {
  return absl::FailedPreconditionError("the credential's sealed fields do not open");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SealingCredentialStore>> SealingCredentialStore::Create(
    std::unique_ptr<broker::CredentialStore> inner, Keyring keyring) {
  std::unique_ptr<SealingCredentialStore> store(
      new SealingCredentialStore(std::move(inner), std::move(keyring)));
  if (absl::Status status = store->CheckKeys(); !status.ok()) return status;
  return store;
}

absl::Status SealingCredentialStore::CheckKeys() {
  std::map<std::string, int64_t> missing;
  absl::Status status = inner_->ForEach([&](CredentialRecord record) {
    for (const std::string& id : sealer_.MissingKeys(record)) ++missing[id];
  });
  if (!status.ok() || missing.empty()) return status;
  std::string text = "the keyring lacks";
  for (const auto& [id, credentials] : missing) {
    absl::StrAppend(&text, id == missing.begin()->first ? "" : ", and", " key \"",
                    absl::CHexEscape(id), "\", which ", credentials,
                    credentials == 1 ? " credential needs" : " credentials need");
  }
  return absl::FailedPreconditionError(text);
}

absl::StatusOr<broker::BeginOutcome> SealingCredentialStore::Begin(
    const broker::BeginRequest& request) {
  // First, so that an attempt is not put on record that nobody can carry out.
  const absl::StatusOr<CredentialRecord> before = Load(request.name);
  if (!before.ok()) return before.status();
  if (before->standing == broker::Standing::kUnreadable) return Unreadable();

  absl::StatusOr<broker::BeginOutcome> outcome = inner_->Begin(request);
  if (!outcome.ok()) return outcome;
  if (auto* const begun = std::get_if<broker::Begun>(&*outcome)) {
    sealer_.Open(begun->record);
    if (begun->record.standing == broker::Standing::kUnreadable) return Unreadable();
  } else if (auto* const moved = std::get_if<broker::MovedOn>(&*outcome)) {
    sealer_.Open(moved->record);
  }
  return outcome;
}

absl::StatusOr<broker::CommitOutcome> SealingCredentialStore::Commit(
    const broker::Rotation& rotation) {
  absl::StatusOr<broker::CommitOutcome> outcome = inner_->Commit(sealer_.Seal(rotation));
  if (!outcome.ok()) return outcome;
  if (auto* const fenced = std::get_if<broker::Fenced>(&*outcome)) sealer_.Open(fenced->record);
  return outcome;
}

absl::Status SealingCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  return inner_->Conclude(conclusion);
}

absl::Status SealingCredentialStore::Quarantine(const broker::Evidence& evidence) {
  return inner_->Quarantine(sealer_.Seal(evidence));
}

absl::Status SealingCredentialStore::ForEach(absl::FunctionRef<void(CredentialRecord)> visit) {
  return inner_->ForEach([&](CredentialRecord record) {
    sealer_.Open(record);
    visit(std::move(record));
  });
}

absl::StatusOr<CredentialRecord> SealingCredentialStore::Load(std::string_view name) {
  absl::StatusOr<CredentialRecord> record = inner_->Load(name);
  if (record.ok()) sealer_.Open(*record);
  return record;
}

absl::Status SealingCredentialStore::Create(const CredentialRecord& record) {
  return inner_->Create(sealer_.Seal(record));
}

absl::Status SealingCredentialStore::UpdateProfile(std::string_view name,
                                                   const broker::CredentialProfile& profile) {
  return inner_->UpdateProfile(name, sealer_.Seal(name, profile));
}

absl::Status SealingCredentialStore::ReplaceRefreshToken(std::string_view name,
                                                         const Secret& refresh_token,
                                                         bool from_file) {
  // Another thread may commit a rotation between our look at the generation and our write. One is
  // provided for in how a grant is sealed. It takes an exchange with the provider to fit in, so a
  // second is next to impossible, but it would leave our token where it does not open. Then it is
  // written again: that cannot overwrite a newer token, because no rotation can begin on a record
  // that does not open.
  for (int i = 0; i < kMaxReplaceTries; ++i) {
    const absl::StatusOr<CredentialRecord> before = inner_->Load(name);
    if (!before.ok()) return before.status();
    const Secret sealed =
        sealer_.SealGrant(name, before->generation, refresh_token, /*also_seed=*/from_file);
    absl::Status status = inner_->ReplaceRefreshToken(name, sealed, from_file);
    if (!status.ok()) return status;
    const absl::StatusOr<CredentialRecord> after = inner_->Load(name);
    // The write is durable. A caller told otherwise would repeat it, perhaps over a token rotated
    // since.
    if (!after.ok()) return absl::OkStatus();
    const bool still_there = after->refresh_token == sealed;
    if (!still_there || after->generation <= before->generation + 1) return absl::OkStatus();
  }
  return absl::UnavailableError("the credential is rotated faster than its grant can be replaced");
}

absl::Status SealingCredentialStore::SetStanding(std::string_view name, broker::Standing standing) {
  return inner_->SetStanding(name, standing);
}

absl::Status SealingCredentialStore::Delete(std::string_view name) { return inner_->Delete(name); }

absl::StatusOr<int64_t> SealingCredentialStore::CountEvidence(std::string_view name) {
  return inner_->CountEvidence(name);
}

}  // namespace token_service::store
