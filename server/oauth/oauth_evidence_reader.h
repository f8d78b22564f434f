#pragma once

#include "server/broker/evidence_reader.h"

namespace token_service::oauth {

// Reads evidence as an answer is read.
class OAuthEvidenceReader final : public broker::EvidenceReader {
 public:
  std::optional<Secret> Candidate(const broker::ProviderRules& rules, const Secret& body,
                                  const Secret& sent) const override;
  std::vector<broker::EvidenceMember> Describe(const Secret& body,
                                               const Secret& sent) const override;
  std::optional<Secret> TokenAt(const Secret& body, std::string_view path) const override;
};

}  // namespace token_service::oauth
