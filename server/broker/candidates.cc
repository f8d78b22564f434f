#include "server/broker/candidates.h"

#include <utility>
#include <vector>

#include "server/broker/spent_token.h"
#include "server/telemetry/log.h"

namespace token_service::broker {

using telemetry::Level;
using telemetry::Log;

absl::StatusOr<std::optional<Candidate>> Candidates::Find(const CredentialSettings& settings,
                                                          const CredentialRecord& record) {
  absl::StatusOr<std::vector<Evidence>> list = store_.ListEvidence(record.name);
  if (!list.ok()) return list.status();
  // The newest that stands answers what was sent last; an older one's token was sent since.
  for (auto evidence = list->rbegin(); evidence != list->rend(); ++evidence) {
    if (!evidence->stands) continue;
    if (evidence->tried || reader_ == nullptr) return std::nullopt;
    std::optional<Secret> token =
        reader_->Candidate(*settings.provider, evidence->body, record.refresh_token);
    if (!token.has_value()) return std::nullopt;
    const absl::Status sent = store_.SendCandidate(record.name, evidence->id, *token);
    if (const auto spent = SpentTokenOf(sent); spent.has_value()) {
      Log(Level::kError, "the refresh token of a kept answer is spent, and not sent",
          {{"credential", record.name}, {"since", SinceText(*spent)}});
      return std::nullopt;
    }
    if (!sent.ok()) return sent;
    return Candidate{evidence->id, *std::move(token)};
  }
  return std::nullopt;
}

StandingEvidence Candidates::Weigh(const CredentialSettings& settings, const KeptAnswer& answer,
                                   const Secret& presented) const {
  const bool usable = reader_ != nullptr &&
                      reader_->Candidate(*settings.provider, answer.body, presented).has_value();
  return usable ? StandingEvidence::kCandidate : StandingEvidence::kUnusable;
}

void Candidates::Mark(std::string_view name, const Candidate& candidate, EvidenceMark mark) {
  const absl::Status marked = store_.MarkEvidence(name, candidate.evidence_id, mark);
  if (marked.ok()) return;
  Log(Level::kError, "evidence not marked",
      {{"credential", name}, {"error", std::string(marked.message())}});
}

}  // namespace token_service::broker
