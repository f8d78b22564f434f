#include "server/store/sqlite/sqlite_credential_store.h"

#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/credential_rows.h"
#include "server/store/sqlite/opened_row.h"
#include "server/store/sqlite/token_memory.h"
#include "server/store/sqlite/token_rows.h"

namespace token_service::store {

using broker::CredentialRecord;

namespace {

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

// What a store from before there was a memory of refresh tokens has of them: those held, and a seed
// that is not held any more.
absl::Status RememberWhatIsThere(SqliteConnection& connection, const RecordSealer& sealer,
                                 const TokenHasher& hasher) {
  std::vector<std::pair<std::string, std::string>> held;  // Credential, hash.
  std::vector<std::pair<std::string, absl::Time>> spent;  // Hash, since.
  std::set<std::string> current;
  absl::Status status = ReadEveryRow(connection, [&](StoredRow row) {
    CredentialRecord& record = row.record;
    sealer.Open(record);
    if (!record.refresh_token.empty()) {
      held.emplace_back(record.name, hasher.Hash(record.refresh_token));
      current.insert(held.back().second);
    }
    if (!record.seed.empty() && !(record.seed == record.refresh_token)) {
      spent.emplace_back(hasher.Hash(record.seed),
                         record.last_refresh_time.value_or(record.create_time));
    }
  });
  for (const auto& [credential, hash] : held) {
    if (status.ok()) status = HoldToken(connection, credential, {.hash = hash});
  }
  for (const auto& [hash, since] : spent) {
    // Another credential may live on what was this one's seed.
    if (status.ok() && !current.contains(hash)) status = SpendToken(connection, hash, since);
  }
  return status;
}

// The key of the hashes; made, with the hashes of what is there, where there is none.
absl::StatusOr<Secret> OpenTokenMemory(SqliteDatabase& database, const RecordSealer& sealer) {
  Secret sealed;
  absl::Status status = database.readers().Run([&](SqliteConnection& connection) {
    absl::StatusOr<Secret> read = ReadHashKey(connection);
    if (read.ok()) sealed = *std::move(read);
    return read.status();
  });
  if (!status.ok()) return status;
  if (!sealed.empty()) {
    absl::StatusOr<Secret> opened = sealer.OpenHashKey(sealed);
    if (opened.ok()) return opened;
    return absl::FailedPreconditionError(absl::StrCat(
        "the memory of spent refresh tokens cannot be used: ",
        std::string(opened.status().message()), "; restore the database from a backup"));
  }
  Secret key = TokenHasher::NewKey();
  status = database.writer().Run([&](SqliteConnection& connection) {
    absl::Status written = WriteHashKey(connection, sealer.SealHashKey(key));
    if (!written.ok()) return written;
    return RememberWhatIsThere(connection, sealer, TokenHasher(key.Copy()));
  });
  if (!status.ok()) return status;
  return key;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteCredentialStore>> SqliteCredentialStore::Open(
    std::unique_ptr<SqliteDatabase>&& database, Keyring keyring, const Clock& clock) {
  if (absl::Status status = database->RecordLoaded(keyring.Facts()); !status.ok()) return status;
  absl::StatusOr<Secret> hash_key = OpenTokenMemory(*database, RecordSealer(keyring.Copy()));
  if (!hash_key.ok()) return hash_key.status();
  return std::unique_ptr<SqliteCredentialStore>(new SqliteCredentialStore(
      std::move(database), std::move(keyring), *std::move(hash_key), clock));
}

absl::Status SqliteCredentialStore::UseKeyring(Keyring next) {
  const Keyring old = sealer_.Get()->keyring().Copy();
  if (next.Facts() == old.Facts()) return database_->RecordLoaded(next.Facts());
  if (absl::Status status = CheckSameKeys(old, next); !status.ok()) return status;
  if (absl::Status status = database_->CheckLoaded(next.Facts()); !status.ok()) return status;
  // Step by step, each waiting for the calls that began before it: first everyone can open with the
  // new keys, then they seal, and only then may others seal with them too.
  const Keyring still_old = old.With(next);
  sealer_.Replace(still_old.Copy());
  if (absl::Status status = database_->RecordLoaded(still_old.Facts()); !status.ok()) return status;
  const Keyring already_next = next.With(old);
  sealer_.Replace(already_next.Copy());
  absl::Status status = database_->RecordLoaded(next.Facts());
  if (absl::IsFailedPrecondition(status)) {
    // A call that was under way sealed with a key that is to go, after our look.
    database_->RecordLoaded(already_next.Facts()).IgnoreError();
  }
  if (!status.ok()) return status;
  sealer_.Replace(std::move(next));
  return absl::OkStatus();
}

// ---- rotations

absl::Status SqliteCredentialStore::Change(std::string_view name,
                                           absl::FunctionRef<bool(StoredRow&)> change) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  return database_->writer().Run([&](SqliteConnection& connection) -> absl::Status {
    absl::StatusOr<OpenedRow> opened = OpenedRow::ReadToChange(connection, name, *sealer);
    if (!opened.ok()) return opened.status();
    return change(opened->row) ? opened->Write(connection, *sealer) : absl::OkStatus();
  });
}

absl::StatusOr<broker::BeginOutcome> SqliteCredentialStore::Begin(
    const broker::BeginRequest& request) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  const Moment now = clock_.MomentNow();
  std::optional<broker::BeginOutcome> outcome;
  absl::Status status = database_->writer().Run([&](SqliteConnection& connection) -> absl::Status {
    absl::StatusOr<OpenedRow> opened = OpenedRow::ReadToChange(connection, request.name, *sealer);
    if (!opened.ok()) return opened.status();
    StoredRow& row = opened->row;
    auto barred = CheckMeant(request, row);
    if (barred.ok() && !barred->has_value()) {
      barred =
          RememberSent(connection, request, hasher_.Hash(row.record.refresh_token), now.wall, row);
    }
    if (!barred.ok()) return barred.status();
    outcome = barred->has_value() ? **std::move(barred) : ApplyBegin(request, now, row);
    const bool wrote = std::holds_alternative<broker::Begun>(*outcome) ||
                       std::holds_alternative<broker::FoundSpent>(*outcome);
    return wrote ? opened->Write(connection, *sealer) : absl::OkStatus();
  });
  if (!status.ok()) return status;
  return *std::move(outcome);
}

absl::StatusOr<broker::CommitOutcome> SqliteCredentialStore::Commit(
    const broker::Rotation& rotation) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  const Moment now = clock_.MomentNow();
  std::optional<broker::CommitOutcome> outcome;
  absl::Status status = database_->writer().Run([&](SqliteConnection& connection) -> absl::Status {
    absl::StatusOr<OpenedRow> opened = OpenedRow::Read(connection, rotation.name, *sealer);
    if (!opened.ok()) return opened.status();
    StoredRow& row = opened->row;
    if (row.record.unreadable) {
      // Whoever damaged it did so while the exchange was out: what that brought is kept beside it.
      outcome = broker::Fenced{row.record.Copy()};
      return absl::OkStatus();
    }
    outcome = ApplyCommit(rotation, now, row);
    if (!std::holds_alternative<broker::Committed>(*outcome)) return absl::OkStatus();
    absl::Status written = opened->Write(connection, *sealer);
    if (!written.ok()) return written;
    return RememberCommitted(connection, rotation, hasher_.Hash(rotation.refresh_token),
                             now.wall - rotation.token.age);
  });
  if (!status.ok()) return status;
  return *std::move(outcome);
}

absl::Status SqliteCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  const Moment now = clock_.MomentNow();
  return Change(conclusion.name,
                [&](StoredRow& row) { return ApplyConclude(conclusion, now, row); });
}

// ---- evidence

absl::Status SqliteCredentialStore::Quarantine(const broker::Evidence& evidence) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  const absl::Time now = clock_.WallNow();
  return database_->writer().Run([&](SqliteConnection& connection) -> absl::Status {
    absl::StatusOr<std::vector<broker::Evidence>> kept = ReadEvidenceOf(connection, evidence.name);
    if (!kept.ok()) return kept.status();
    for (broker::Evidence& answer : *kept) {
      // Sealed twice the same body is another.
      sealer->Open(answer);
      const bool same =
          answer.grant_serial == evidence.grant_serial && answer.body == evidence.body;
      if (same) return absl::OkStatus();
    }
    return InsertEvidence(connection, sealer->Seal(evidence), now);
  });
}

absl::StatusOr<std::vector<broker::Evidence>> SqliteCredentialStore::ListEvidence(
    std::string_view name) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  std::vector<broker::Evidence> list;
  absl::Status status = database_->readers().Run([&](SqliteConnection& connection) {
    absl::StatusOr<std::vector<broker::Evidence>> read = ReadEvidenceOf(connection, name);
    if (read.ok()) list = *std::move(read);
    return read.status();
  });
  if (!status.ok()) return status;
  for (broker::Evidence& answer : list) sealer->Open(answer);
  return list;
}

absl::Status SqliteCredentialStore::SendCandidate(std::string_view name, std::string_view id,
                                                  const Secret& refresh_token) {
  const absl::Time now = clock_.WallNow();
  return database_->writer().Run([&](SqliteConnection& connection) -> absl::Status {
    const absl::StatusOr<StoredRow> row = ReadRow(connection, name);
    if (!row.ok()) return row.status();
    const absl::StatusOr<bool> sent = MarkEvidenceSent(connection, name, id);
    if (!sent.ok()) return sent.status();
    return RememberCandidate(connection, *row, hasher_.Hash(refresh_token), *sent, now);
  });
}

absl::Status SqliteCredentialStore::MarkEvidence(std::string_view name, std::string_view id,
                                                 broker::EvidenceMark mark) {
  return database_->writer().Run(
      [&](SqliteConnection& connection) { return MarkEvidenceRow(connection, name, id, mark); });
}

absl::Status SqliteCredentialStore::DiscardEvidence(std::string_view name, std::string_view id) {
  return database_->writer().RunAndPurge(
      [&](SqliteConnection& connection) { return DeleteEvidenceRow(connection, name, id); });
}

absl::StatusOr<int64_t> SqliteCredentialStore::CountEvidence(std::string_view name) {
  std::optional<int64_t> count;
  absl::Status status = database_->readers().Run([&](SqliteConnection& connection) {
    absl::StatusOr<int64_t> counted = CountEvidenceRows(connection, name);
    if (counted.ok()) count = *counted;
    return counted.status();
  });
  if (!status.ok()) return status;
  return *count;
}

// ---- what there is

absl::Status SqliteCredentialStore::ForEach(absl::FunctionRef<void(CredentialRecord)> visit) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  return database_->readers().Run([&](SqliteConnection& connection) {
    return ReadEveryRow(connection, [&](StoredRow row) {
      sealer->Open(row.record);
      visit(std::move(row.record));
    });
  });
}

absl::StatusOr<CredentialRecord> SqliteCredentialStore::Load(std::string_view name) {
  const CurrentSealer::Lease sealer = sealer_.Get();
  std::optional<CredentialRecord> record;
  absl::Status status = database_->readers().Run([&](SqliteConnection& connection) {
    absl::StatusOr<OpenedRow> opened = OpenedRow::Read(connection, name, *sealer);
    if (opened.ok()) record = std::move(opened->row.record);
    return opened.status();
  });
  if (!status.ok()) return status;
  return *std::move(record);
}

absl::StatusOr<broker::TokenKnowledge> SqliteCredentialStore::LookUp(std::string_view name,
                                                                     const Secret& refresh_token) {
  const std::string hash = hasher_.Hash(refresh_token);
  broker::TokenKnowledge known;
  absl::Status status = database_->readers().Run([&](SqliteConnection& connection) -> absl::Status {
    const absl::StatusOr<StoredRow> row = ReadRow(connection, name);
    if (!row.ok() && !absl::IsNotFound(row.status())) return row.status();
    auto looked_up =
        KnowToken(connection, name, row.ok() ? &*row : nullptr, hash, /*from_file=*/false);
    if (looked_up.ok()) known = *std::move(looked_up);
    return looked_up.status();
  });
  if (!status.ok()) return status;
  return known;
}

// ---- changes

absl::StatusOr<broker::Applied> SqliteCredentialStore::Apply(
    absl::Span<const broker::CredentialChange> changes, absl::FunctionRef<void()> progress) {
  broker::Applied applied;
  if (changes.empty()) return applied;
  const CurrentSealer::Lease sealer = sealer_.Get();
  const absl::Time now = clock_.WallNow();
  absl::Status status = database_->writer().Run([&](SqliteConnection& connection) -> absl::Status {
    applied = {};  // It may be run again.
    for (const broker::CredentialChange& change : changes) {
      absl::Status done = ApplyTo(connection, change, now, *sealer, applied);
      if (!done.ok()) return done;
      progress();
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return applied;
}

absl::Status SqliteCredentialStore::ApplyTo(SqliteConnection& connection,
                                            const broker::CredentialChange& change, absl::Time now,
                                            const RecordSealer& sealer,
                                            broker::Applied& applied) const {
  if (const auto* created = std::get_if<broker::CreateCredential>(&change)) {
    return ApplyCreation(connection, *created, now, sealer, applied);
  }
  if (const auto* seed = std::get_if<broker::AdoptSeed>(&change)) {
    return ApplyAdoption(connection, *seed, now, sealer, applied);
  }
  absl::StatusOr<OpenedRow> opened =
      OpenedRow::ReadToChange(connection, broker::NameOf(change), sealer);
  if (!opened.ok()) return opened.status();
  bool wanted = true;
  if (const auto* grant = std::get_if<broker::ReplaceGrant>(&change)) {
    const absl::StatusOr<bool> news =
        RememberGranted(connection, *grant, hasher_.Hash(grant->refresh_token), opened->row, now);
    if (!news.ok()) return news.status();
    wanted = *news;
  }
  absl::Status status;
  if (wanted && ApplyChange(change, now, opened->row)) status = opened->Write(connection, sealer);
  applied.records.push_back(opened->row.record.CopyWithoutRefreshToken());
  return status;
}

absl::Status SqliteCredentialStore::ApplyCreation(SqliteConnection& connection,
                                                  const broker::CreateCredential& change,
                                                  absl::Time now, const RecordSealer& sealer,
                                                  broker::Applied& applied) const {
  const std::string& name = change.record.name;
  const std::string hash = hasher_.Hash(change.record.refresh_token);
  const absl::Status there = ReadRow(connection, name).status();
  if (there.ok()) return absl::AlreadyExistsError("the name is taken");
  if (!absl::IsNotFound(there)) return there;
  broker::TokenKnowledge known;
  if (!hash.empty()) {
    auto looked_up = KnowToken(connection, name, nullptr, hash, change.from_file);
    if (!looked_up.ok()) return looked_up.status();
    known = *std::move(looked_up);
  }
  const bool spent = known.spent.has_value();
  if (spent && !change.from_file) return SpentTokenError(*known.spent);
  StoredRow row = spent ? NewRowWithoutGrant(change, now) : NewRow(change, now);
  applied.records.push_back(row.record.CopyWithoutRefreshToken());
  if (change.from_file) {
    using Became = broker::SeedOutcome::Became;
    applied.seeds.push_back({.name = name,
                             .became = spent ? Became::kSpent : Became::kAdopted,
                             .spent = known.spent,
                             .shared = known.shared});
  }
  row.record = sealer.Seal(row.record);
  absl::Status status = InsertRow(connection, row);
  if (!status.ok() || spent) return status;
  return RememberCreated(connection, name, hash);
}

absl::Status SqliteCredentialStore::ApplyAdoption(SqliteConnection& connection,
                                                  const broker::AdoptSeed& change, absl::Time now,
                                                  const RecordSealer& sealer,
                                                  broker::Applied& applied) const {
  using Became = broker::SeedOutcome::Became;
  absl::StatusOr<OpenedRow> opened = OpenedRow::Read(connection, change.name, sealer);
  if (!opened.ok()) return opened.status();
  StoredRow& row = opened->row;
  const std::string hash = hasher_.Hash(change.seed);
  const auto known = KnowToken(connection, change.name, &row, hash, /*from_file=*/true);
  if (!known.ok()) return known.status();
  const broker::SeedOutcome outcome = ApplySeed(change, *known, now, row);
  applied.seeds.push_back(outcome);
  applied.records.push_back(row.record.CopyWithoutRefreshToken());
  if (outcome.became == Became::kUnchanged || !(row.record.seed == change.seed)) {
    return absl::OkStatus();
  }
  absl::Status status = opened->Write(connection, sealer);
  if (!status.ok() || outcome.became != Became::kAdopted) return status;
  return RememberAdopted(connection, change.name, hash, now);
}

absl::Status SqliteCredentialStore::HoldAll() {
  const absl::Time now = clock_.WallNow();
  return database_->writer().Run(
      [&](SqliteConnection& connection) { return HoldEveryRow(connection, now); });
}

absl::Status SqliteCredentialStore::Release(std::string_view name) {
  return Change(name, [](StoredRow& row) { return ApplyRelease(row); });
}

absl::Status SqliteCredentialStore::Delete(std::string_view name) {
  const absl::Time now = clock_.WallNow();
  return database_->writer().RunAndPurge([&](SqliteConnection& connection) -> absl::Status {
    const absl::StatusOr<StoredRow> row = ReadRow(connection, name);
    if (!row.ok()) return row.status();
    absl::Status status = RememberDeleted(connection, *row, now);
    return status.ok() ? DeleteRow(connection, name) : status;
  });
}

}  // namespace token_service::store
