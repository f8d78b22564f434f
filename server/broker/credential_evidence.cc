// CredentialRegistry's calls about kept answers.
#include <utility>

#include "server/broker/credential_name.h"
#include "server/broker/credential_registry.h"
#include "server/broker/from_store.h"
#include "server/telemetry/log.h"

namespace token_service::broker {
namespace {

void LogChange(std::string_view event, std::string_view name, std::string_view id) {
  telemetry::Log(telemetry::Level::kInfo, event, {{"credential", name}, {"evidence", id}});
}

Refusal NoSuchEvidence() {
  Refusal refusal = InvalidField("evidence_id", "no such evidence is kept");
  return refusal;
}

}  // namespace

void CredentialRegistry::ListEvidence(std::string name, EvidenceDone done) {
  if (std::optional<Refusal> refusal = CheckName(name); refusal.has_value()) {
    return done(*std::move(refusal));
  }
  executor_.Run([this, name = std::move(name), done = std::move(done)]() mutable {
    done(ListEvidenceNow(name));
  });
}

CredentialRegistry::EvidenceOutcome CredentialRegistry::ListEvidenceNow(const std::string& name) {
  const absl::StatusOr<CredentialRecord> record = store_.Load(name);
  if (!record.ok()) return FromStore(record.status(), name);
  absl::StatusOr<std::vector<Evidence>> kept = store_.ListEvidence(name);
  if (!kept.ok()) return FromStore(kept.status(), name);
  std::vector<EvidenceView> views;
  for (Evidence& evidence : *kept) {
    EvidenceView& view = views.emplace_back();
    view.size = evidence.body.size();
    if (reader_ != nullptr) view.members = reader_->Describe(evidence.body, record->refresh_token);
    evidence.body = Secret();
    view.evidence = std::move(evidence);
  }
  return views;
}

void CredentialRegistry::AdoptEvidence(Adoption adoption, Done done) {
  if (std::optional<Refusal> refusal = CheckName(adoption.name); refusal.has_value()) {
    return done(*std::move(refusal));
  }
  executor_.Run([this, adoption = std::move(adoption), done = std::move(done)]() mutable {
    done(AdoptNow(adoption));
  });
}

CredentialRegistry::Outcome CredentialRegistry::AdoptNow(const Adoption& adoption) {
  const absl::StatusOr<CredentialRecord> record = store_.Load(adoption.name);
  if (!record.ok()) return FromStore(record.status(), adoption.name);
  const absl::StatusOr<std::vector<Evidence>> kept = store_.ListEvidence(adoption.name);
  if (!kept.ok()) return FromStore(kept.status(), adoption.name);
  for (const Evidence& evidence : *kept) {
    if (evidence.id != adoption.evidence_id || reader_ == nullptr) continue;
    // Where secrets go may have been changed since, with another secret: this one belongs
    // elsewhere.
    if (static_cast<int64_t>(evidence.grant_serial) < static_cast<int64_t>(record->grant_serial)) {
      return InvalidField("evidence_id",
                          "it is about a refresh token that has been replaced since");
    }
    const std::optional<Secret> token =
        reader_->TokenAt(evidence.body, adoption.refresh_token_path);
    if (!token.has_value()) {
      return InvalidField("refresh_token_path", "no token stands there, whole and well-formed");
    }
    const std::string& access_token_path = adoption.access_token_path;
    if (!access_token_path.empty() &&
        !reader_->TokenAt(evidence.body, access_token_path).has_value()) {
      return InvalidField("access_token_path", "no token stands there, whole and well-formed");
    }
    LogChange("evidence adopted", adoption.name, evidence.id);
    return ReplaceNow(adoption.name, *token);
  }
  return NoSuchEvidence();
}

void CredentialRegistry::DiscardEvidence(std::string name, std::string evidence_id, Deleted done) {
  if (std::optional<Refusal> refusal = CheckName(name); refusal.has_value()) {
    return done(std::move(refusal));
  }
  executor_.Run([this, name = std::move(name), evidence_id = std::move(evidence_id),
                 done = std::move(done)]() mutable { done(DiscardNow(name, evidence_id)); });
}

std::optional<Refusal> CredentialRegistry::DiscardNow(const std::string& name,
                                                      const std::string& evidence_id) {
  const absl::StatusOr<CredentialRecord> record = store_.Load(name);
  if (!record.ok()) return FromStore(record.status(), name);
  const absl::Status gone = store_.DiscardEvidence(name, evidence_id);
  if (absl::IsNotFound(gone)) return NoSuchEvidence();
  if (!gone.ok()) return FromStore(gone, name);
  LogChange("evidence discarded", name, evidence_id);
  scheduler_.OnEvidenceChanged(name);
  return std::nullopt;
}

}  // namespace token_service::broker
