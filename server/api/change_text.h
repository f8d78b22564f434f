#pragma once

#include <string>
#include <vector>

#include "server/broker/credential_status.h"

namespace token_service::api {

// For the audit, on one line: `purpose: "old" -> "new"; client_secret: changed`. Values are
// escaped, so that none can pass for another field, and cut after 256 bytes. Empty: nothing
// changed.
std::string DescribeChanges(const std::vector<broker::FieldChange>& changes);

}  // namespace token_service::api
