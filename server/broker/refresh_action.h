#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"
#include "server/broker/credential.h"
#include "server/broker/reason.h"
#include "server/broker/refresh_result.h"
#include "server/broker/refresher.h"

namespace token_service::broker {

// What RefreshBook wants done, in the order in which it says so: a closed set.

// One exchange, or one more try to store an answer. Its result goes to RefreshBook::OnLanded.
using FlightId = uint64_t;

// What callers see of a credential (TokenCache).
struct Serve {
  std::string name;
};
struct StopServing {
  std::string name;
};
struct Publish {
  AccessTokenPtr token;
};
struct Withdraw {
  std::string name;
};
struct SetDormant {
  std::string name;
  bool dormant;
};
struct StartFlight {
  FlightId flight;
  CredentialSettingsPtr settings;
  Refresher::Order order;
};
struct StartPersist {
  FlightId flight;
  std::string name;
  Unpersisted answer;
};
// RefreshBook::OnTimer is to be called then; an earlier order that has not run is void.
struct ArmTimer {
  MonotonicTime when;
};
// RefreshBook::OnPatienceEnd is to be called then.
struct ArmPatience {
  FlightId flight;
  MonotonicTime when;
};
// What a RefreshListener is told.
struct Tell {
  std::string name;
  std::optional<Refusal> refusal;
};
struct TellRemoved {
  std::string name;
};
// What was to be done once nothing of a removed credential is in the air any more.
struct CallLanded {
  absl::AnyInvocable<void()> landed;
};

// Calls others.
using Telling = std::variant<Tell, TellRemoved, CallLanded>;

using RefreshAction = std::variant<Serve, StopServing, Publish, Withdraw, SetDormant, StartFlight,
                                   StartPersist, ArmTimer, ArmPatience, Telling>;
using RefreshActions = std::vector<RefreshAction>;

}  // namespace token_service::broker
