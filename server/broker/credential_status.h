#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/broker/access_token.h"
#include "server/broker/credential.h"

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

// How a credential is doing, for operators. Holds no secret but the token's snapshot.
struct CredentialStatus {
  CredentialSettingsPtr settings;
  CredentialState state = CredentialState::kActive;
  uint64_t generation = 0;
  AccessTokenPtr token;
  absl::Time create_time;
  std::optional<absl::Time> last_refresh_time;
  std::optional<absl::Time> next_refresh_time;
  std::string last_error_reason;
  uint32_t consecutive_failures = 0;
  bool unpersisted = false;
};

}  // namespace token_service::broker
