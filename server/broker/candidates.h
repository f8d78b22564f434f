#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/secret.h"
#include "server/broker/credential.h"
#include "server/broker/credential_record.h"
#include "server/broker/credential_store.h"
#include "server/broker/evidence_reader.h"
#include "server/broker/kept_answer.h"
#include "server/broker/standing_evidence.h"

namespace token_service::broker {

// What may be sent in a refresh token's place, while evidence stands.
struct Candidate {
  std::string evidence_id;
  Secret token;
};

// Looks for refresh tokens in the answers that were kept (docs/adr/0030-evidence-stands.md). Any
// thread; blocks.
class Candidates {
 public:
  // Both outlive this object. `reader` null: nobody can read an answer.
  Candidates(RotationStore& store, const EvidenceReader* reader) : store_(store), reader_(reader) {}

  // What may be sent of the evidence of a record, of which some stands; remembered as sent then.
  // Nullopt: there is none, or it must not be.
  absl::StatusOr<std::optional<Candidate>> Find(const CredentialSettings& settings,
                                                const CredentialRecord& record);

  // What an answer to `presented` that stands would make of the evidence.
  StandingEvidence Weigh(const CredentialSettings& settings, const KeptAnswer& answer,
                         const Secret& presented) const;

  // It was refused, or answered uselessly. Where that cannot be written it is tried again: the
  // provider will say the same.
  void Mark(std::string_view name, const Candidate& candidate, EvidenceMark mark);

 private:
  RotationStore& store_;
  const EvidenceReader* const reader_;
};

}  // namespace token_service::broker
