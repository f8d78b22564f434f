#pragma once

#include <string_view>

#include "absl/functional/function_ref.h"
#include "server/base/clock.h"
#include "server/broker/credential_store.h"
#include "server/telemetry/store_metrics.h"

namespace token_service::broker {

// Counts and times what another store does.
class ObservingCredentialStore final : public CredentialStore {
 public:
  // All outlive this object.
  ObservingCredentialStore(CredentialStore& inner, telemetry::StoreMetrics& metrics,
                           const Clock& clock)
      : inner_(inner), metrics_(metrics), clock_(clock) {}

  bool shared() const override { return inner_.shared(); }
  absl::StatusOr<BeginOutcome> Begin(const BeginRequest& request) override;
  absl::StatusOr<CommitOutcome> Commit(const Rotation& rotation) override;
  absl::Status Conclude(const Conclusion& conclusion) override;
  absl::Status Quarantine(const Evidence& evidence) override;
  absl::Status ForEach(absl::FunctionRef<void(CredentialRecord)> visit) override;
  absl::StatusOr<CredentialRecord> Load(std::string_view name) override;
  absl::StatusOr<StoreChanges> ChangesSince(const std::string& cursor) override;
  absl::StatusOr<Applied> Apply(absl::Span<const CredentialChange> changes,
                                absl::FunctionRef<void()> progress) override;
  absl::StatusOr<TokenKnowledge> LookUp(std::string_view name,
                                        const Secret& refresh_token) override;
  absl::Status HoldAll() override;
  absl::Status Release(std::string_view name) override;
  absl::Status Delete(std::string_view name) override;
  absl::StatusOr<std::vector<Evidence>> ListEvidence(std::string_view name) override;
  absl::Status SendCandidate(std::string_view name, std::string_view id,
                             const Secret& refresh_token) override;
  absl::Status MarkEvidence(std::string_view name, std::string_view id, EvidenceMark mark) override;
  absl::Status DiscardEvidence(std::string_view name, std::string_view id) override;
  absl::StatusOr<int64_t> CountEvidence(std::string_view name) override;

 private:
  template <typename Call>
  auto Observe(telemetry::StoreOperation operation, Call call);

  CredentialStore& inner_;
  telemetry::StoreMetrics& metrics_;
  const Clock& clock_;
};

}  // namespace token_service::broker
