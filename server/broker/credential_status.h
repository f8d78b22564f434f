#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/broker/access_token.h"
#include "server/broker/credential.h"
#include "server/broker/provider_error.h"
#include "server/broker/standing_evidence.h"

namespace token_service::broker {

// token.v1.CredentialState.
enum class CredentialState {
  kActive,
  kBackingOff,
  kInDoubt,
  kNeedsReauthorization,
  kClientRejected,
  kDisabled,
  kHeld,
};

// What an operator's change made of one field.
struct FieldChange {
  std::string field;
  // Nullopt: a secret, of which only that it changed is ever said.
  struct Values {
    std::string before;
    std::string after;
  };
  std::optional<Values> values;
};

// How a credential is doing, for operators. Holds no secret but the token's snapshot.
struct CredentialStatus {
  CredentialSettingsPtr settings;
  CredentialState state = CredentialState::kActive;
  uint64_t generation = 0;
  AccessTokenPtr token;
  absl::Time create_time;
  std::optional<absl::Time> last_refresh_time;
  std::optional<absl::Time> next_refresh_time;
  std::optional<absl::Time> last_rotation_time;
  std::optional<absl::Time> refresh_token_expire_time;
  std::string last_error_reason;
  ProviderError last_error;  // What the provider said then.
  uint32_t consecutive_failures = 0;
  bool unpersisted = false;
  std::vector<FieldChange> changes = {};  // Of the outcome of an operator's change; else empty.
  StandingEvidence evidence = StandingEvidence::kNone;
};

}  // namespace token_service::broker
