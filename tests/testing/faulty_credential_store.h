#pragma once

#include <array>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/broker/credential_store.h"

namespace token_service::testing {

// Hands the calls of a rotation on to another store, and fails those it is told to. Any thread.
class FaultyCredentialStore final : public broker::RotationStore {
 public:
  enum class Call { kBegin, kCommit, kConclude, kQuarantine };
  enum class When {
    kBefore,  // Nothing was written.
    kAfter,   // It was, and the caller is told that it was not.
  };
  static constexpr int kForever = 1 << 30;

  explicit FaultyCredentialStore(broker::RotationStore& store) : store_(store) {}

  // The next `times` calls of this kind fail with UNAVAILABLE. 0: none does any more.
  void Fail(Call call, int times, When when = When::kBefore);
  // Every call fails from now on, or none.
  void SetDown(bool down);
  // How many calls of this kind were made, failed ones included.
  int calls(Call call) const;

  bool shared() const override { return store_.shared(); }
  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override;
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override;
  absl::Status Conclude(const broker::Conclusion& conclusion) override;
  absl::Status Quarantine(const broker::Evidence& evidence) override;
  // These do not fail.
  absl::StatusOr<std::vector<broker::Evidence>> ListEvidence(std::string_view name) override {
    return store_.ListEvidence(name);
  }
  absl::Status SendCandidate(std::string_view name, std::string_view id,
                             const Secret& refresh_token) override {
    return store_.SendCandidate(name, id, refresh_token);
  }
  absl::Status MarkEvidence(std::string_view name, std::string_view id,
                            broker::EvidenceMark mark) override {
    return store_.MarkEvidence(name, id, mark);
  }

 private:
  struct Fault {
    int times = 0;
    When when = When::kBefore;
    int calls = 0;
  };
  enum class Fate { kHandOn, kFailBefore, kFailAfter };

  Fate Decide(Call call);

  broker::RotationStore& store_;
  mutable absl::Mutex mutex_;
  std::array<Fault, 4> faults_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::testing
