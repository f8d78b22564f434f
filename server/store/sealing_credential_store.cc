#include "server/store/sealing_credential_store.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace token_service::store {

using broker::CredentialRecord;

namespace {

// How often ReplaceRefreshToken follows a serial that moves away under it.
constexpr int kMaxReplaceTries = 5;

absl::Status Unreadable() {
  return absl::FailedPreconditionError("the credential's sealed fields do not open");
}

// What is sealed with a key would not open with another that goes by the same id.
absl::Status CheckSameKeys(const Keyring& old, const Keyring& next) {
  for (const KeyFact& key : next.Facts()) {
    const Keyring::Key* const loaded = old.Find(key.id);
    if (loaded == nullptr || loaded->bytes == next.Find(key.id)->bytes) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "key \"", key.id, "\" is another than the one loaded under this id; give it a new id"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SealingCredentialStore>> SealingCredentialStore::Create(
    std::unique_ptr<broker::CredentialStore> inner, KeyLedger& ledger, Keyring keyring) {
  if (absl::Status status = ledger.RecordLoaded(keyring.Facts()); !status.ok()) return status;
  return std::unique_ptr<SealingCredentialStore>(
      new SealingCredentialStore(std::move(inner), ledger, std::move(keyring)));
}

absl::Status SealingCredentialStore::UseKeyring(Keyring next) {
  const Keyring old = sealer_.Get()->keyring().Copy();
  if (next.Facts() == old.Facts()) return ledger_.RecordLoaded(next.Facts());
  if (absl::Status status = CheckSameKeys(old, next); !status.ok()) return status;
  if (absl::Status status = ledger_.CheckLoaded(next.Facts()); !status.ok()) return status;
  // Step by step, each waiting for the calls that began before it: first everyone can open with the
  // new keys, then they seal, and only then may others seal with them too.
  const Keyring still_old = old.With(next);
  sealer_.Replace(still_old.Copy());
  if (absl::Status status = ledger_.RecordLoaded(still_old.Facts()); !status.ok()) return status;
  const Keyring already_next = next.With(old);
  sealer_.Replace(already_next.Copy());
  absl::Status status = ledger_.RecordLoaded(next.Facts());
  if (absl::IsFailedPrecondition(status)) {
    // A call that was under way sealed with a key that is to go, after our look.
    ledger_.RecordLoaded(already_next.Facts()).IgnoreError();
  }
  if (!status.ok()) return status;
  sealer_.Replace(std::move(next));
  return absl::OkStatus();
}

absl::StatusOr<broker::BeginOutcome> SealingCredentialStore::Begin(
    const broker::BeginRequest& request) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  // First, so that an attempt is not put on record that nobody can carry out.
  const absl::StatusOr<CredentialRecord> before = Load(request.name);
  if (!before.ok()) return before.status();
  if (before->standing == broker::Standing::kUnreadable) return Unreadable();

  absl::StatusOr<broker::BeginOutcome> outcome = inner_->Begin(request);
  if (!outcome.ok()) return outcome;
  if (auto* const begun = std::get_if<broker::Begun>(&*outcome)) {
    sealer->Open(begun->record);
    if (begun->record.standing == broker::Standing::kUnreadable) return Unreadable();
  } else if (auto* const moved = std::get_if<broker::MovedOn>(&*outcome)) {
    sealer->Open(moved->record);
  }
  return outcome;
}

absl::StatusOr<broker::CommitOutcome> SealingCredentialStore::Commit(
    const broker::Rotation& rotation) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  absl::StatusOr<broker::CommitOutcome> outcome = inner_->Commit(sealer->Seal(rotation));
  if (!outcome.ok()) return outcome;
  if (auto* const fenced = std::get_if<broker::Fenced>(&*outcome)) sealer->Open(fenced->record);
  return outcome;
}

absl::Status SealingCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  return inner_->Conclude(conclusion);
}

absl::Status SealingCredentialStore::Quarantine(const broker::Evidence& evidence) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  return inner_->Quarantine(sealer->Seal(evidence));
}

absl::Status SealingCredentialStore::ForEach(absl::FunctionRef<void(CredentialRecord)> visit) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  return inner_->ForEach([&](CredentialRecord record) {
    sealer->Open(record);
    visit(std::move(record));
  });
}

absl::StatusOr<CredentialRecord> SealingCredentialStore::Load(std::string_view name) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  absl::StatusOr<CredentialRecord> record = inner_->Load(name);
  if (record.ok()) sealer->Open(*record);
  return record;
}

absl::Status SealingCredentialStore::Create(const CredentialRecord& record) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  return inner_->Create(sealer->Seal(record));
}

absl::Status SealingCredentialStore::UpdateProfile(std::string_view name,
                                                   const broker::CredentialProfile& profile) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  return inner_->UpdateProfile(name, sealer->Seal(name, profile));
}

absl::Status SealingCredentialStore::ReplaceRefreshToken(std::string_view name,
                                                         const Secret& refresh_token,
                                                         bool from_file) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  return PutGrant(*sealer, name, refresh_token, from_file, [&](const Secret& sealed) {
    return inner_->ReplaceRefreshToken(name, sealed, from_file);
  });
}

absl::Status SealingCredentialStore::Move(std::string_view name,
                                          const broker::CredentialProfile& profile,
                                          const Secret& refresh_token) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  const broker::CredentialProfile sealed_profile = sealer->Seal(name, profile);
  return PutGrant(*sealer, name, refresh_token, /*from_file=*/false,
                  [&](const Secret& sealed) { return inner_->Move(name, sealed_profile, sealed); });
}

absl::Status SealingCredentialStore::PutGrant(
    const RecordSealer& sealer, std::string_view name, const Secret& refresh_token, bool from_file,
    absl::FunctionRef<absl::Status(const Secret&)> write) {
  // Another thread may commit a rotation between our look at the serial and our write. One is
  // provided for in how a grant is sealed. It takes an exchange with the provider to fit in, so a
  // second is next to impossible, but it would leave our token where it does not open. Then it is
  // written again: that cannot overwrite a newer token, because no rotation can begin on a record
  // that does not open.
  for (int i = 0; i < kMaxReplaceTries; ++i) {
    const absl::StatusOr<CredentialRecord> before = inner_->Load(name);
    if (!before.ok()) return before.status();
    const uint64_t serial = before->grant_serial + 1;
    const Secret sealed = sealer.SealGrant(name, serial, refresh_token, /*also_seed=*/from_file);
    absl::Status status = write(sealed);
    if (!status.ok()) return status;
    const absl::StatusOr<CredentialRecord> after = inner_->Load(name);
    // The write is durable. A caller told otherwise would repeat it, perhaps over a token rotated
    // since.
    if (!after.ok()) return absl::OkStatus();
    const bool still_there = after->refresh_token == sealed;
    if (!still_there || after->grant_serial <= serial + 1) return absl::OkStatus();
  }
  return absl::UnavailableError("the credential is rotated faster than its grant can be replaced");
}

absl::Status SealingCredentialStore::SetStanding(std::string_view name, broker::Standing standing) {
  return inner_->SetStanding(name, standing);
}

absl::Status SealingCredentialStore::HoldAll(absl::Time since) { return inner_->HoldAll(since); }

absl::Status SealingCredentialStore::Release(std::string_view name) {
  return inner_->Release(name);
}

absl::Status SealingCredentialStore::Delete(std::string_view name) { return inner_->Delete(name); }

absl::StatusOr<int64_t> SealingCredentialStore::CountEvidence(std::string_view name) {
  return inner_->CountEvidence(name);
}

}  // namespace token_service::store
