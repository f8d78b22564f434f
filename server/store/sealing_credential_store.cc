#include "server/store/sealing_credential_store.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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

// The refresh tokens of a store from before there was a memory of them: those held, and a seed that
// is not held any more.
absl::StatusOr<std::vector<RememberedToken>> TokensOf(broker::CredentialStore& inner,
                                                      const RecordSealer& sealer,
                                                      const TokenHasher& hasher) {
  std::vector<RememberedToken> tokens;
  std::set<std::string> held;
  absl::Status status = inner.ForEach([&](CredentialRecord record) {
    sealer.Open(record);
    if (!record.refresh_token.empty()) {
      tokens.push_back({record.name, hasher.Hash(record.refresh_token), std::nullopt});
      held.insert(tokens.back().hash);
    }
    if (!record.seed.empty() && !(record.seed == record.refresh_token)) {
      tokens.push_back({record.name, hasher.Hash(record.seed),
                        record.last_refresh_time.value_or(record.create_time)});
    }
  });
  if (!status.ok()) return status;
  // Another credential lives on what was this one's seed.
  std::erase_if(tokens, [&held](const RememberedToken& token) {
    return token.spent_since.has_value() && held.contains(token.hash);
  });
  return tokens;
}

// The key of the hashes; made, with the hashes of what is there, where there is none.
absl::StatusOr<Secret> OpenTokenMemory(broker::CredentialStore& inner, KeyLedger& ledger,
                                       const RecordSealer& sealer) {
  const absl::StatusOr<Secret> sealed = ledger.ReadHashKey();
  if (!sealed.ok()) return sealed.status();
  if (!sealed->empty()) {
    absl::StatusOr<Secret> opened = sealer.OpenHashKey(*sealed);
    if (opened.ok()) return opened;
    return absl::FailedPreconditionError(absl::StrCat(
        "the memory of spent refresh tokens cannot be used: ",
        std::string(opened.status().message()), "; restore the database from a backup"));
  }
  Secret key = TokenHasher::NewKey();
  const auto tokens = TokensOf(inner, sealer, TokenHasher(key.Copy()));
  if (!tokens.ok()) return tokens.status();
  absl::Status status = ledger.BeginTokenMemory(sealer.SealHashKey(key), *tokens);
  if (!status.ok()) return status;
  return key;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SealingCredentialStore>> SealingCredentialStore::Create(
    std::unique_ptr<broker::CredentialStore> inner, KeyLedger& ledger, Keyring keyring) {
  if (absl::Status status = ledger.RecordLoaded(keyring.Facts()); !status.ok()) return status;
  absl::StatusOr<Secret> hash_key = OpenTokenMemory(*inner, ledger, RecordSealer(keyring.Copy()));
  if (!hash_key.ok()) return hash_key.status();
  return std::unique_ptr<SealingCredentialStore>(new SealingCredentialStore(
      std::move(inner), ledger, std::move(keyring), *std::move(hash_key)));
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
  if (before->unreadable) return Unreadable();

  broker::BeginRequest hashed = request;
  hashed.hash = hasher_.Hash(before->refresh_token);
  hashed.grant_serial = before->grant_serial;
  absl::StatusOr<broker::BeginOutcome> outcome = inner_->Begin(hashed);
  if (!outcome.ok()) return outcome;
  if (auto* const begun = std::get_if<broker::Begun>(&*outcome)) {
    sealer->Open(begun->record);
    if (begun->record.unreadable) return Unreadable();
  } else if (auto* const moved = std::get_if<broker::MovedOn>(&*outcome)) {
    sealer->Open(moved->record);
  }
  return outcome;
}

absl::StatusOr<broker::CommitOutcome> SealingCredentialStore::Commit(
    const broker::Rotation& rotation) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  broker::Rotation sealed = sealer->Seal(rotation);
  sealed.hash = hasher_.Hash(rotation.refresh_token);
  absl::StatusOr<broker::CommitOutcome> outcome = inner_->Commit(sealed);
  if (!outcome.ok()) return outcome;
  if (auto* const fenced = std::get_if<broker::Fenced>(&*outcome)) sealer->Open(fenced->record);
  return outcome;
}

absl::Status SealingCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  return inner_->Conclude(conclusion);
}

absl::Status SealingCredentialStore::Quarantine(const broker::Evidence& evidence) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  // Sealed twice the same body is another: only here can it be told.
  const absl::StatusOr<std::vector<broker::Evidence>> kept = ListEvidence(evidence.name);
  if (!kept.ok()) return kept.status();
  for (const broker::Evidence& answer : *kept) {
    if (answer.grant_serial == evidence.grant_serial && answer.body == evidence.body) {
      return absl::OkStatus();
    }
  }
  return inner_->Quarantine(sealer->Seal(evidence));
}

absl::StatusOr<std::vector<broker::Evidence>> SealingCredentialStore::ListEvidence(
    std::string_view name) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  absl::StatusOr<std::vector<broker::Evidence>> list = inner_->ListEvidence(name);
  if (!list.ok()) return list;
  for (broker::Evidence& answer : *list) sealer->Open(answer);
  return list;
}

absl::Status SealingCredentialStore::SendCandidate(std::string_view name, std::string_view id,
                                                   const Secret& refresh_token) {
  // By its hash, which is all that the store below ever sees of it.
  return inner_->SendCandidate(name, id, Secret(hasher_.Hash(refresh_token)));
}

absl::Status SealingCredentialStore::MarkEvidence(std::string_view name, std::string_view id,
                                                  broker::EvidenceMark mark) {
  return inner_->MarkEvidence(name, id, mark);
}

absl::Status SealingCredentialStore::DiscardEvidence(std::string_view name, std::string_view id) {
  return inner_->DiscardEvidence(name, id);
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

absl::StatusOr<broker::StoreChanges> SealingCredentialStore::ChangesSince(
    const std::string& cursor) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  absl::StatusOr<broker::StoreChanges> changes = inner_->ChangesSince(cursor);
  if (!changes.ok()) return changes;
  for (CredentialRecord& record : changes->changed) sealer->Open(record);
  return changes;
}

absl::StatusOr<SealingCredentialStore::SealedChange> SealingCredentialStore::Seal(
    const RecordSealer& sealer, const broker::CredentialChange& change) {
  if (const auto* created = std::get_if<broker::CreateCredential>(&change)) {
    return SealedChange{
        broker::CreateCredential{.record = sealer.Seal(created->record),
                                 .from_file = created->from_file,
                                 .hash = hasher_.Hash(created->record.refresh_token)}};
  }
  if (const auto* seed = std::get_if<broker::RecordSeed>(&change)) {
    return SealedChange{
        broker::RecordSeed{.name = seed->name, .seed = sealer.SealSeed(seed->name, seed->seed)}};
  }
  if (const auto* profile = std::get_if<broker::ChangeProfile>(&change)) {
    return SealedChange{broker::ChangeProfile{
        .name = profile->name, .profile = sealer.Seal(profile->name, profile->profile)}};
  }
  if (const auto* disabled = std::get_if<broker::SetDisabled>(&change)) {
    return SealedChange{*disabled};
  }
  if (const auto* given_up = std::get_if<broker::GiveUpGrant>(&change)) {
    return SealedChange{*given_up};
  }
  return Seal(sealer, std::get<broker::ReplaceGrant>(change));
}

absl::StatusOr<SealingCredentialStore::SealedChange> SealingCredentialStore::Seal(
    const RecordSealer& sealer, const broker::ReplaceGrant& grant) {
  const absl::StatusOr<CredentialRecord> before = inner_->Load(grant.name);
  if (!before.ok()) return before.status();
  const uint64_t serial = before->grant_serial + 1;
  return SealedChange{
      .change = broker::ReplaceGrant{.name = grant.name,
                                     .refresh_token = sealer.SealGrant(
                                         grant.name, serial, grant.refresh_token, grant.from_file),
                                     .from_file = grant.from_file,
                                     .hash = hasher_.Hash(grant.refresh_token)},
      .serial = serial};
}

absl::Status SealingCredentialStore::Apply(absl::Span<const broker::CredentialChange> changes,
                                           absl::FunctionRef<void()> progress) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  std::vector<broker::CredentialChange> sealed;
  std::vector<uint64_t> serials;
  sealed.reserve(changes.size());
  for (const broker::CredentialChange& change : changes) {
    absl::StatusOr<SealedChange> one = Seal(*sealer, change);
    if (!one.ok()) return one.status();
    sealed.push_back(std::move(one->change));
    serials.push_back(one->serial);
    progress();
  }
  absl::Status status = inner_->Apply(sealed, progress);
  for (size_t i = 0; status.ok() && i < changes.size(); ++i) {
    auto* const grant = std::get_if<broker::ReplaceGrant>(&sealed[i]);
    if (grant == nullptr) continue;
    status = MakeReadable(*sealer, std::get<broker::ReplaceGrant>(changes[i]),
                          {.change = std::move(*grant), .serial = serials[i]});
    progress();
  }
  return status;
}

// Another thread may have committed a rotation between our look at the serial and our write. One is
// provided for in how a grant is sealed. It takes an exchange with the provider to fit in, so a
// second is next to impossible, but it would leave our token where it does not open. Then it is
// written again: that cannot overwrite a newer token, because no rotation can begin on a record
// that does not open.
absl::Status SealingCredentialStore::MakeReadable(const RecordSealer& sealer,
                                                  const broker::ReplaceGrant& plain,
                                                  SealedChange written) {
  for (int i = 0; i < kMaxReplaceTries; ++i) {
    const absl::StatusOr<CredentialRecord> after = inner_->Load(plain.name);
    // The write is durable. A caller told otherwise would repeat it, perhaps over a token rotated
    // since.
    if (!after.ok()) return absl::OkStatus();
    const Secret& sealed = std::get<broker::ReplaceGrant>(written.change).refresh_token;
    const bool still_there = after->refresh_token == sealed;
    if (!still_there || after->grant_serial <= written.serial + 1) return absl::OkStatus();
    absl::StatusOr<SealedChange> anew = Seal(sealer, plain);
    if (!anew.ok()) return absl::OkStatus();
    const absl::Status status = inner_->Apply(absl::MakeConstSpan(&anew->change, 1), [] {});
    if (!status.ok()) return status;
    written = *std::move(anew);
  }
  return absl::UnavailableError("the credential is rotated faster than its grant can be replaced");
}

absl::StatusOr<broker::TokenKnowledge> SealingCredentialStore::LookUp(std::string_view name,
                                                                      const Secret& refresh_token,
                                                                      bool from_file) {
  return ledger_.LookUpHash(name, hasher_.Hash(refresh_token), from_file);
}

absl::Status SealingCredentialStore::HoldAll() { return inner_->HoldAll(); }

absl::Status SealingCredentialStore::Release(std::string_view name) {
  return inner_->Release(name);
}

absl::Status SealingCredentialStore::Delete(std::string_view name) { return inner_->Delete(name); }

absl::StatusOr<int64_t> SealingCredentialStore::CountEvidence(std::string_view name) {
  return inner_->CountEvidence(name);
}

}  // namespace token_service::store
