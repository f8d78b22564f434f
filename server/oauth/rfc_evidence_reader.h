#pragma once

#include "server/broker/evidence_reader.h"

namespace token_service::oauth {

// Reads evidence by RFC 6749's rules, as an answer is read. Whatever a provider's own rules add
// comes in here.
class RfcEvidenceReader final : public broker::EvidenceReader {
 public:
  std::optional<Secret> Candidate(const Secret& body, const Secret& sent) const override;
  std::vector<broker::EvidenceMember> Describe(const Secret& body,
                                               const Secret& sent) const override;
  std::optional<Secret> TokenAt(const Secret& body, std::string_view path) const override;
};

}  // namespace token_service::oauth
