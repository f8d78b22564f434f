#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/broker/credential_store.h"

namespace token_service::testing {

// The reference for what a CredentialStore does; lives here so that production cannot fall back to
// it.
class MemoryCredentialStore : public broker::CredentialStore {
 public:
  absl::StatusOr<broker::BeginOutcome> Begin(const broker::BeginRequest& request) override;
  absl::StatusOr<broker::CommitOutcome> Commit(const broker::Rotation& rotation) override;
  absl::Status Conclude(const broker::Conclusion& conclusion) override;
  absl::Status Quarantine(const broker::Evidence& evidence) override;

  absl::Status ForEach(absl::FunctionRef<void(broker::CredentialRecord)> visit) override;
  absl::StatusOr<broker::CredentialRecord> Load(std::string_view name) override;
  absl::Status Create(const broker::CredentialRecord& record) override;
  absl::Status UpdateProfile(std::string_view name,
                             const broker::CredentialProfile& profile) override;
  absl::Status ReplaceRefreshToken(std::string_view name, const Secret& refresh_token,
                                   bool from_file) override;
  absl::Status Move(std::string_view name, const broker::CredentialProfile& profile,
                    const Secret& refresh_token) override;
  absl::Status SetStanding(std::string_view name, broker::Standing standing) override;
  absl::Status HoldAll(absl::Time since) override;
  absl::Status Release(std::string_view name) override;
  absl::Status Delete(std::string_view name) override;
  absl::StatusOr<int64_t> CountEvidence(std::string_view name) override;

 private:
  struct Row {
    broker::CredentialRecord record;
    std::string committed_attempt;  // Whose commit made the current generation.
    std::vector<Secret> evidence;
  };

  absl::Mutex mutex_;
  std::map<std::string, Row, std::less<>> rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace token_service::testing
