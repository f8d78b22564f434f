#pragma once

#include <optional>
#include <string>

#include "server/telemetry/call_labels.h"

namespace token_service::api {

// How the callers of one listener are known.
struct ListenerInfo {
  std::string address;
  // The identity of everyone who calls here: `anonymous`, `unix:<path>`. Nullopt: each caller's
  // certificate tells.
  std::optional<std::string> identity;
  telemetry::CallerKind kind = telemetry::CallerKind::kPlaintext;
};

}  // namespace token_service::api
