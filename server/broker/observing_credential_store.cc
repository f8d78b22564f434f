#include "server/broker/observing_credential_store.h"

namespace token_service::broker {
namespace {

using telemetry::StoreOperation;

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Not what the port calls an answer.
bool Failed(const absl::Status& status) {
  return !status.ok() && !absl::IsNotFound(status) && !absl::IsAlreadyExists(status) &&
         !absl::IsFailedPrecondition(status);
}

}  // namespace

template <typename Call>
auto ObservingCredentialStore::Observe(StoreOperation operation, Call call) {
  const MonotonicTime start = clock_.Now();
  auto result = call();
  metrics_.Count(operation, Failed(StatusOf(result)), clock_.Now() - start);
  return result;
}

absl::StatusOr<BeginOutcome> ObservingCredentialStore::Begin(const BeginRequest& request) {
  return Observe(StoreOperation::kBegin, [&] { return inner_.Begin(request); });
}

absl::StatusOr<CommitOutcome> ObservingCredentialStore::Commit(const Rotation& rotation) {
  return Observe(StoreOperation::kCommit, [&] { return inner_.Commit(rotation); });
}

absl::Status ObservingCredentialStore::Conclude(const Conclusion& conclusion) {
  return Observe(StoreOperation::kConclude, [&] { return inner_.Conclude(conclusion); });
}

absl::Status ObservingCredentialStore::Quarantine(const Evidence& evidence) {
  absl::Status status =
      Observe(StoreOperation::kQuarantine, [&] { return inner_.Quarantine(evidence); });
  if (status.ok()) metrics_.CountQuarantined();
  return status;
}

absl::Status ObservingCredentialStore::ForEach(absl::FunctionRef<void(CredentialRecord)> visit) {
  return Observe(StoreOperation::kOther, [&] { return inner_.ForEach(visit); });
}

absl::StatusOr<CredentialRecord> ObservingCredentialStore::Load(std::string_view name) {
  return Observe(StoreOperation::kOther, [&] { return inner_.Load(name); });
}

absl::StatusOr<StoreChanges> ObservingCredentialStore::ChangesSince(const std::string& cursor) {
  return Observe(StoreOperation::kOther, [&] { return inner_.ChangesSince(cursor); });
}

absl::StatusOr<Applied> ObservingCredentialStore::Apply(absl::Span<const CredentialChange> changes,
                                                        absl::FunctionRef<void()> progress) {
  return Observe(StoreOperation::kOther, [&] { return inner_.Apply(changes, progress); });
}

absl::StatusOr<TokenKnowledge> ObservingCredentialStore::LookUp(std::string_view name,
                                                                const Secret& refresh_token) {
  return Observe(StoreOperation::kOther, [&] { return inner_.LookUp(name, refresh_token); });
}

absl::Status ObservingCredentialStore::HoldAll() {
  return Observe(StoreOperation::kOther, [&] { return inner_.HoldAll(); });
}

absl::Status ObservingCredentialStore::Release(std::string_view name) {
  return Observe(StoreOperation::kOther, [&] { return inner_.Release(name); });
}

absl::Status ObservingCredentialStore::Delete(std::string_view name) {
  return Observe(StoreOperation::kOther, [&] { return inner_.Delete(name); });
}

absl::StatusOr<std::vector<Evidence>> ObservingCredentialStore::ListEvidence(
    std::string_view name) {
  return Observe(StoreOperation::kOther, [&] { return inner_.ListEvidence(name); });
}

absl::Status ObservingCredentialStore::SendCandidate(std::string_view name, std::string_view id,
                                                     const Secret& refresh_token) {
  return Observe(StoreOperation::kOther,
                 [&] { return inner_.SendCandidate(name, id, refresh_token); });
}

absl::Status ObservingCredentialStore::MarkEvidence(std::string_view name, std::string_view id,
                                                    EvidenceMark mark) {
  return Observe(StoreOperation::kOther, [&] { return inner_.MarkEvidence(name, id, mark); });
}

absl::Status ObservingCredentialStore::DiscardEvidence(std::string_view name, std::string_view id) {
  return Observe(StoreOperation::kOther, [&] { return inner_.DiscardEvidence(name, id); });
}

absl::StatusOr<int64_t> ObservingCredentialStore::CountEvidence(std::string_view name) {
  return Observe(StoreOperation::kOther, [&] { return inner_.CountEvidence(name); });
}

}  // namespace token_service::broker
