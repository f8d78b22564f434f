#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/broker/refresh_scheduler.h"

// Inside of RefreshScheduler.

namespace token_service::broker {

// What is to be done once the lock is released.
struct RefreshScheduler::Effects {
  std::vector<absl::AnyInvocable<void()>> persists;  // Of answers that are nowhere else.
  std::vector<absl::AnyInvocable<void()>> flights;
  std::vector<std::pair<std::string, std::optional<Refusal>>> settled;
  absl::AnyInvocable<void()> landed;
};

}  // namespace token_service::broker
