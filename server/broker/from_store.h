#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "server/broker/reason.h"

namespace token_service::broker {

// What an operator is told whose change the store did not take.
Refusal FromStore(const absl::Status& status, std::string_view credential);

}  // namespace token_service::broker
