#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/broker/credential_store.h"

namespace token_service::testing {

// The reference for what a CredentialStore does; lives here so that production cannot fall back to
// it.
class MemoryCredentialStore : public broker::CredentialStore {
 public:
  explicit MemoryCredentialStore(const Clock& clock = SystemClock()) : clock_(clock) {}

  // Another process has it too.
  void set_shared(bool shared) { shared_ = shared; }

  bool shared() const override { return shared_; }
  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override;
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override;
  absl::Status Conclude(const broker::Conclusion& conclusion) override;
  absl::Status Quarantine(const broker::Evidence& evidence) override;

  absl::Status ForEach(absl::FunctionRef<void(broker::CredentialRecord)> visit) override;
  absl::StatusOr<broker::CredentialRecord> Load(std::string_view name) override;
  absl::StatusOr<broker::StoreChanges> ChangesSince(const std::string& cursor) override;
  absl::StatusOr<broker::Applied> Apply(absl::Span<const broker::CredentialChange> changes,
                                        absl::FunctionRef<void()> progress) override;
  absl::StatusOr<broker::TokenKnowledge> LookUp(std::string_view name,
                                                const Secret& refresh_token) override;
  absl::Status HoldAll() override;
  absl::Status Release(std::string_view name) override;
  absl::Status Delete(std::string_view name) override;
  absl::StatusOr<std::vector<broker::Evidence>> ListEvidence(std::string_view name) override;
  absl::Status SendCandidate(std::string_view name, std::string_view id,
                             const Secret& refresh_token) override;
  absl::Status MarkEvidence(std::string_view name, std::string_view id,
                            broker::EvidenceMark mark) override;
  absl::Status DiscardEvidence(std::string_view name, std::string_view id) override;
  absl::StatusOr<int64_t> CountEvidence(std::string_view name) override;

 private:
  struct Row {
    broker::CredentialRecord record;
    std::string committed_attempt;  // Whose commit made the current generation.
    std::vector<broker::Evidence> evidence;
    std::string held;   // The hash of the current refresh token; empty: none.
    bool kept = false;  // The provider took it and left it in use.

    bool Stands(const broker::Evidence& answer) const {
      return answer.stands && answer.grant_serial >= record.grant_serial;
    }
    broker::CredentialRecord Snapshot() const;
  };

  using Rows = std::map<std::string, Row, std::less<>>;
  // By hash, since when.
  using Spent = std::map<std::string, absl::Time, std::less<>>;
  struct Deleted {
    absl::Time create_time;
    uint64_t version = 0;
  };
  struct State {
    Rows rows;
    Spent spent;
    std::map<std::string, Deleted, std::less<>> deleted;
    uint64_t version = 0;  // Of what was written last.

    State Copy() const;
    broker::TokenKnowledge Know(std::string_view name, const std::string& hash,
                                bool from_file) const;
    bool HeldByAnother(std::string_view name, const std::string& hash) const;
    void Spend(const std::string& hash, absl::Time since);
    // It was written.
    void Touch(Row& row) { row.record.version = ++version; }
    absl::Status Apply(const broker::CredentialChange& change, absl::Time now,
                       broker::Applied& applied);
    absl::Status Create(const broker::CreateCredential& change, absl::Time now,
                        broker::Applied& applied);
    absl::Status Grant(const broker::ReplaceGrant& change, Row& row, absl::Time now);
    broker::SeedOutcome Adopt(const broker::AdoptSeed& change, Row& row, absl::Time now);
    void Take(const Secret& refresh_token, Row& row, absl::Time now);
    std::optional<broker::BeginOutcome> Send(const broker::BeginRequest& request, Row& row,
                                             absl::Time now);
  };

  const Clock& clock_;
  std::atomic<bool> shared_ = false;
  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  int64_t next_evidence_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace token_service::testing
