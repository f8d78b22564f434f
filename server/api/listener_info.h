#pragma once

#include <optional>
#include <string>

#include "server/api/certificate_proof.h"
#include "server/authz/policy_in_force.h"
#include "server/telemetry/call_labels.h"

namespace token_service::api {

// How the callers of one listener are known.
struct ListenerInfo {
  std::string address;
  // The identity of everyone who calls here: `anonymous`, `unix:<path>`. Nullopt: each caller's
  // certificate tells.
  std::optional<std::string> identity;
  telemetry::CallerKind kind = telemetry::CallerKind::kPlaintext;
  // Whose entries may tell the users of a unix socket apart; null: they do not. Outlives the
  // listener.
  const authz::PolicyInForce* policy = nullptr;
  // Of the certificates; null where they prove nothing. Outlives the listener.
  const CertificateProof* proof = nullptr;
};

}  // namespace token_service::api
