#include "server/broker/from_store.h"

#include <string>

#include "server/broker/spent_token.h"
#include "server/telemetry/log.h"

namespace token_service::broker {

using telemetry::Level;
using telemetry::Log;

Refusal FromStore(const absl::Status& status, std::string_view credential) {
  if (const auto spent = SpentTokenOf(status); spent.has_value()) {
    Log(Level::kWarning, "a spent refresh token was given, and not taken",
        {{"credential", credential}, {"since", SinceText(*spent)}});
    Refusal refusal = MakeRefusal(Reason::kRefreshTokenSpent);
    refusal.message = Describe(*spent);
    return refusal;
  }
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return MakeRefusal(Reason::kCredentialNotFound);
    case absl::StatusCode::kAlreadyExists:
      return MakeRefusal(Reason::kCredentialExists);
    case absl::StatusCode::kFailedPrecondition:
      return MakeRefusal(Reason::kCredentialDisabled);
    default:
      Log(Level::kError, "operator's change not stored",
          {{"credential", credential}, {"error", std::string(status.message())}});
      return MakeRefusal(Reason::kStoreUnavailable, absl::Seconds(1));
  }
}

}  // namespace token_service::broker
