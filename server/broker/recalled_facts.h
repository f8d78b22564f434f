#pragma once

#include "server/base/clock.h"
#include "server/broker/credential.h"
#include "server/broker/credential_record.h"
#include "server/broker/refresh_policy.h"

namespace token_service::broker {

// What a process that finds a record makes of it, on its own clock. `shared`: as of
// RotationStore. All but `refresh_at`.
RefreshFacts RecallFacts(const CredentialSettings& settings, const CredentialRecord& record,
                         bool shared, const Clock& clock);

}  // namespace token_service::broker
