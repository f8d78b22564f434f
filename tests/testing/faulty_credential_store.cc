#include "tests/testing/faulty_credential_store.h"

namespace token_service::testing {
namespace {

absl::Status Failed() { return absl::UnavailableError("the store is down"); }

}  // namespace

void FaultyCredentialStore::Fail(Call call, int times, When when) {
  absl::MutexLock lock(&mutex_);
  Fault& fault = faults_[static_cast<size_t>(call)];
  fault.times = times;
  fault.when = when;
}

void FaultyCredentialStore::SetDown(bool down) {
  for (const Call call : {Call::kBegin, Call::kCommit, Call::kConclude, Call::kQuarantine}) {
    Fail(call, down ? kForever : 0);
  }
}

int FaultyCredentialStore::calls(Call call) const {
  absl::MutexLock lock(&mutex_);
  return faults_[static_cast<size_t>(call)].calls;
}

FaultyCredentialStore::Fate FaultyCredentialStore::Decide(Call call) {
  absl::MutexLock lock(&mutex_);
  Fault& fault = faults_[static_cast<size_t>(call)];
  ++fault.calls;
  if (fault.times == 0) return Fate::kHandOn;
  --fault.times;
  return fault.when == When::kBefore ? Fate::kFailBefore : Fate::kFailAfter;
}

absl::StatusOr<broker::BeginOutcome> FaultyCredentialStore::Begin(
    const broker::BeginRequest& request) {
  const Fate fate = Decide(Call::kBegin);
  if (fate == Fate::kFailBefore) return Failed();
  auto outcome = store_.Begin(request);
  if (fate == Fate::kFailAfter) return Failed();
  return outcome;
}

absl::StatusOr<broker::CommitOutcome> FaultyCredentialStore::Commit(
    const broker::Rotation& rotation) {
  const Fate fate = Decide(Call::kCommit);
  if (fate == Fate::kFailBefore) return Failed();
  auto outcome = store_.Commit(rotation);
  if (fate == Fate::kFailAfter) return Failed();
  return outcome;
}

absl::Status FaultyCredentialStore::Conclude(const broker::Conclusion& conclusion) {
  const Fate fate = Decide(Call::kConclude);
  if (fate == Fate::kFailBefore) return Failed();
  absl::Status status = store_.Conclude(conclusion);
  if (fate == Fate::kFailAfter) return Failed();
  return status;
}

absl::Status FaultyCredentialStore::Quarantine(const broker::Evidence& evidence) {
  const Fate fate = Decide(Call::kQuarantine);
  if (fate == Fate::kFailBefore) return Failed();
  absl::Status status = store_.Quarantine(evidence);
  if (fate == Fate::kFailAfter) return Failed();
  return status;
}

}  // namespace token_service::testing
